"""Trouble that nobody scripted: the share of calls that go wrong by a profile."""

from __future__ import annotations

import threading
import time
from collections import deque

from geesync.simulator.faults import Action, Fault
from geesync.simulator.profiles import Dice, Profile

STATUSES = (429, 500, 503, 502)


class Ambient:
    """Decides for each call whether it goes wrong: now and then, in bursts, or by its rate."""

    def __init__(self, profile: Profile, dice: Dice) -> None:
        self._profile = profile
        self._dice = dice
        self._lock = threading.Lock()
        self._recent: deque[float] = deque()
        self._burst_until = 0.0
        self._burst_status = 503

    def __call__(self, method: str, target: str) -> Fault | None:
        """Return what happens to this call; None = nothing."""
        del target  # chance does not look
        with self._lock:
            if self._too_fast():
                return Fault("status", status=429)
            if self._in_burst():
                return self._failure(self._burst_status)
            if method == "POST" and self._happens("lost", self._profile.lost_responses):
                return Fault("drop_response")
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
        now = time.monotonic()
        if now < self._burst_until:
            return self._happens("burst", 0.9)
        if not self._happens("call", self._profile.failing_calls):
            return False
        self._burst_until = now + self._profile.burst_s * self._dice.roll("length").random()
        self._burst_status = self._dice.roll("status").choice(STATUSES)
        return True

    def _failure(self, status: int) -> Fault:
        action: Action = "html" if status == 502 else "status"  # noqa: PLR2004 - a proxy's answer
        return Fault(action, status=status)

    def _happens(self, purpose: str, share: float) -> bool:
        return self._dice.happens(purpose, share)
