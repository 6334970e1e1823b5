"""Trouble that nobody scripted: the share of calls that go wrong by a profile."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import replace
from datetime import timedelta

from geesync.simulator.clock import SimClock
from geesync.simulator.profiles import Dice, Profile
from geesync.simulator.wire.faults import Fault

#: How calls fail during a burst.
FAILURES = (
    Fault("status", status=429),
    Fault("status", status=500),
    Fault("status", status=503),
    Fault("html", status=502),
    Fault("html", status=200),
    Fault("reset"),
)
#: How an answer is lost after the work was done.
LOSSES = (Fault("drop_response"), Fault("replace_response", status=503))


class Ambient:
    """Decides for each call whether it goes wrong: now and then, in bursts, or by its rate."""

    def __init__(self, profile: Profile, dice: Dice, clock: SimClock) -> None:
        self._profile = profile
        self._dice = dice
        self._clock = clock
        self._lock = threading.Lock()
        self._recent: deque[float] = deque()
        self._burst_until = clock.now()
        self._burst = FAILURES[0]

    def __call__(self, method: str, target: str) -> Fault | None:
        """Return what happens to this call; None = nothing."""
        del target  # chance does not look
        with self._lock:
            if self._too_fast():
                return Fault("status", status=429)
            if self._in_burst():
                return replace(self._burst)
            if method == "POST" and self._happens("lost", self._profile.lost_responses):
                return replace(self._dice.roll("loss").choice(LOSSES))
        return None

    def _too_fast(self) -> bool:
        if self._profile.calls_per_s == float("inf"):
            return False
        now = time.monotonic()
        while self._recent and self._recent[0] <= now - 1:
            self._recent.popleft()
        self._recent.append(now)
        return len(self._recent) > self._profile.calls_per_s

    def _in_burst(self) -> bool:
        """Tell whether the service is having a bad minute; one call in ten gets through."""
        now = self._clock.now()
        if now < self._burst_until:
            return self._happens("burst", 0.9)
        if not self._happens("call", self._profile.failing_calls):
            return False
        length_s = self._profile.burst_s * self._dice.roll("length").random()
        self._burst_until = now + timedelta(seconds=length_s)
        self._burst = self._dice.roll("failure").choice(FAILURES)
        return True

    def _happens(self, purpose: str, share: float) -> bool:
        return self._dice.happens(purpose, share)
