"""How fast we ask: one pace for all threads, halved when Earth Engine says so, slowly recovering.

Wraps calls; knows nothing of what is asked. A transient failure is tried again a few times here;
what lasts longer is raised, and the asset waits in the ledger.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from geesync.adapters.transfer.curl_loop import STOPPED, Turn
from geesync.domain.failures.shared_failures import stopped
from geesync.errors import Cause, RemoteError

Answer = TypeVar("Answer")

_TOO_MANY_REQUESTS = 429


@dataclass
class AtOnce:
    """How many requests may be on their way at a time: halved by a refusal, growing one by one."""

    most: int
    _now: float = field(init=False)
    _halved_at: float = field(default=-math.inf, init=False)  #: on the monotonic clock

    def __post_init__(self) -> None:
        self._now = float(self.most)

    @property
    def now(self) -> int:
        """How many may be on their way now."""
        return min(self.most, int(self._now))

    def failed(self, error: RemoteError, *, began: float, now: float) -> None:
        """Learn from a refusal: those that were on their way together were one too many once."""
        if error.status == _TOO_MANY_REQUESTS and began >= self._halved_at:
            self._now, self._halved_at = max(self._now / 2, 1.0), now

    def succeeded(self) -> None:
        """Learn from an answer: when as many have come as may be on their way, it is one more."""
        self._now = min(float(self.most), self._now + 1 / self._now)


@dataclass
class Pacer:
    """Spaces calls out over all threads and repeats those that failed for a moment."""

    requests_per_s: float = 20.0
    tries: int = 3
    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0
    #: Returns at once and says True when there is no time left to wait: the program ends.
    sleep: Callable[[float], bool | None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    _share: float = field(default=1.0, init=False)  #: of the allowed rate, 0..1
    _next: float = field(default=0.0, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    @property
    def rate_per_s(self) -> float:
        """Requests per second that are allowed now."""
        return self.requests_per_s * self._share

    def __call__(self, ask: Callable[[], Answer], *, tries: int | None = None) -> Answer:
        """Ask, in our turn. Raises the last RemoteError."""
        left = tries or self.tries
        while True:
            self.wait_for_turn()
            try:
                answer = ask()
            except RemoteError as error:
                self.failed(error)
                left -= 1
                if error.cause != Cause.TRANSIENT or not left:
                    raise
                self._hold((tries or self.tries) - left, error.retry_after_s)
            else:
                self.succeeded()
                return answer

    async def asked(
        self, ask: Callable[[], Awaitable[Answer]], at_once: AtOnce | None = None
    ) -> Answer:
        """Ask, in our turn, while others by the same thread are on their way.

        at_once: how many those are; without it is asked once. Raises the last RemoteError.
        """
        left = self.tries if at_once else 1
        while True:
            turn = self.take_turn()
            if turn > self.monotonic():
                await Turn(turn, self.wait_until)
            began = self.monotonic()
            try:
                answer = await ask()
            except RemoteError as error:
                self.failed(error)
                if at_once is None:
                    raise
                at_once.failed(error, began=began, now=self.monotonic())
                # One that is too many is asked again when others have ended: it has failed of none.
                left -= error.status != _TOO_MANY_REQUESTS
                if error.cause != Cause.TRANSIENT or not left or str(error) == STOPPED:
                    raise
                self._hold(max(1, self.tries - left), error.retry_after_s)
            else:
                self.succeeded()
                if at_once:
                    at_once.succeeded()
                return answer

    def wait_for_turn(self) -> None:
        """Wait until it is our turn. Raises RemoteError if the program ends meanwhile."""
        self.wait_until(self.take_turn())

    def take_turn(self) -> float:
        """Return when it is our turn, on the monotonic clock: nobody else has the same."""
        with self._lock:
            turn = max(self.monotonic(), self._next)
            self._next = turn + 1 / self.rate_per_s
        return turn

    def wait_until(self, turn: float) -> None:
        """Wait until it is our turn. Raises RemoteError if the program ends meanwhile."""
        wait_s = turn - self.monotonic()
        if wait_s > 0 and self.sleep(wait_s):
            raise stopped()

    @property
    def held_until(self) -> float:
        """Until when every thread waits for its turn, on the monotonic clock."""
        return self._next

    def failed(self, error: RemoteError) -> None:
        """Learn from a refusal: who is told that it asks too fast asks more slowly."""
        if error.status == _TOO_MANY_REQUESTS and error.cause == Cause.TRANSIENT:
            with self._lock:
                self._share = max(self._share / 2, 1 / 64)

    def succeeded(self) -> None:
        """Learn from an answer: by and by the allowed rate comes back."""
        with self._lock:
            self._share = min(1.0, self._share * 1.02)

    def _hold(self, failed: int, retry_after_s: float | None) -> None:
        """Hold every thread back: the others would meet the same failure."""
        jitter = random.uniform(0.5, 1.0)  # noqa: S311 # spreads threads, hides nothing
        wait = max(self.first_wait_s * 2 ** (failed - 1) * jitter, retry_after_s or 0.0)
        with self._lock:
            # A thread that waits hears no stop: what is longer is left to the ledger.
            self._next = max(self._next, self.monotonic() + min(wait, self.longest_wait_s))
