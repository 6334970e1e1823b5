"""How many bytes a second come in: one allowance for all downloads together."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from geesync.adapters.transfer.answers import PIECE_BYTES, Sink
from geesync.domain.failures.shared_failures import stopped

#: What may come at once after a rest, as a share of what comes in a second.
_BURST_S = 1.0

#: A wait is cut into these, so that a stop, or another rate, is noticed.
_SLICE_S = 0.25

#: A rate is not looked up for every piece that comes.
_KNOWN_FOR_S = 0.25

#: Shorter waits end in rounding.
_LEAST_S = 0.001


@dataclass
class Bandwidth:
    """A bucket that fills at a rate and that every download drains; the rate may change."""

    rate: Callable[[], float | None]  #: bytes a second now; None is no limit
    sleep: Callable[[float], object] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    _known: tuple[float, float | None] = field(default=(-math.inf, None), init=False)
    _debt_bytes: float = field(default=0.0, init=False)  #: below 0: what may come at once
    _counted_at: float = field(default=0.0, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    @property
    def piece_bytes(self) -> int:
        """How many bytes to take at a time: with a limit, few, as all others wait for them."""
        return PIECE_BYTES if self._rate() is None else 1

    def take(self, size_bytes: int, keep_on: Callable[[], bool]) -> None:
        """Wait until so many bytes may have come. Raises RemoteError if it is to end instead."""
        if self._rate() is None:
            return
        wait_s = self._owe(size_bytes)
        while wait_s > 0:
            if not keep_on():
                raise stopped()
            self.sleep(max(min(wait_s, _SLICE_S), _LEAST_S))
            wait_s = self._owe(0)

    def _owe(self, size_bytes: int) -> float:
        """Add to the debt; return how long it takes to pay it, in s."""
        with self._lock:
            rate, now = self._rate(), self.monotonic()
            if rate is None:
                self._debt_bytes, self._counted_at = 0.0, now
                return 0.0
            paid = rate * (now - self._counted_at)
            self._debt_bytes = max(self._debt_bytes - paid, -rate * _BURST_S) + size_bytes
            self._counted_at = now
            return self._debt_bytes / rate

    def _rate(self) -> float | None:
        asked_at, rate = self._known
        now = self.monotonic()
        if now - asked_at >= _KNOWN_FOR_S:
            rate = self.rate()
            self._known = (now, rate)
        return rate


@dataclass(frozen=True)
class Metered:
    """A sink whose bytes count against the bandwidth."""

    sink: Sink
    bandwidth: Bandwidth
    keep_on: Callable[[], bool]

    def write(self, data: bytes) -> int:
        """Pass the bytes on when their time has come."""
        self.bandwidth.take(len(data), self.keep_on)
        return self.sink.write(data)
