"""Whether a class of work is let through; while the world refuses it, one probe now and then.

A revoked key or a night's outage must not cost one failing call for each of 100,000 assets: the
work halts, says why, and goes on by itself when a probe succeeds.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from geesync.domain.tasks.refusals import FOR_ALL, NotTriedError
from geesync.errors import Cause, RemoteError
from geesync.logger import get_logger

log = get_logger()

#: What lasts for hours is not asked for every few minutes: a probe may cost an operation.
_PATIENCE_S = {Cause.OVER_QUOTA: 1800.0}

_FIRST_WAIT = timedelta(seconds=15)
_LONGEST_WAIT = timedelta(minutes=5)  # an outage that has ended is seen before people wonder
_DOUBLINGS = 5


@dataclass
class Gate:
    """One class of work: open, or closed with a reason and a time for the next probe."""

    work: str  #: its name in the log
    clock: Callable[[], datetime]
    reason: str = ""  #: why it is closed; empty while it is open
    _closed_at: datetime | None = None
    _probe_at: datetime | None = None
    _probes: int = 0
    _by_ending: bool = False  #: closed by how exports ended: only an ending opens it

    def room(self, most: int) -> int:
        """Return how many may be tried now: as many as asked, one as a probe, or none."""
        if not self.reason:
            return most
        due = self._probe_at is None or self.clock() >= self._probe_at
        return min(most, 1) if due else 0

    def learn(self, answers: Collection[object]) -> None:
        """Learn from what was tried: a refusal that concerns all closes, any other word opens."""
        errors = [answer for answer in answers if isinstance(answer, RemoteError)]
        blocking = [error for error in errors if self._blocks(error)]
        if blocking:
            self._close(blocking[0])
        elif answers and self._by_ending:
            self._wait(timedelta())  # the probe is on its way; its end will tell
        elif answers:
            self._open()

    def learn_ending(self, began: datetime, error: RemoteError | None) -> None:
        """Learn how an export ended that began then; error: a refusal that concerns all."""
        if error is not None:
            self._close(error)
            self._by_ending = True
        elif self._by_ending and self._closed_at and began >= self._closed_at:
            self._open()

    def _blocks(self, error: RemoteError) -> bool:
        if error.cause in FOR_ALL or isinstance(error, NotTriedError):
            return True
        return bool(self.reason) and error.cause == Cause.TRANSIENT

    def _close(self, error: RemoteError) -> None:
        if not self.reason:
            log.warning("work_halted", work=self.work, cause=error.cause, reason=str(error))
            self._closed_at = self.clock()
        self.reason = str(error)
        asked_s = error.retry_after_s or _PATIENCE_S.get(error.cause, 0.0)
        self._wait(timedelta(seconds=asked_s))

    def _open(self) -> None:
        if self.reason:
            log.info("work_resumed", work=self.work)
        self.reason, self._by_ending, self._probes = "", False, 0

    def _wait(self, asked: timedelta) -> None:
        wait = min(_FIRST_WAIT * 2 ** min(self._probes, _DOUBLINGS), _LONGEST_WAIT)
        jitter = random.uniform(0.5, 1.0)  # noqa: S311 # spreads machines, hides nothing
        self._probe_at = self.clock() + max(wait * jitter, asked)
        self._probes += 1
