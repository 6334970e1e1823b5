"""Whether a class of work is let through; while the world refuses it, one probe now and then.

A revoked key or a night's outage must not cost one failing call for each of 100,000 assets: the
work halts, says why, and goes on by itself when a probe succeeds. A restart probes at once.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeGuard

from geesync.domain.failures.shared_failures import (
    FOR_ALL,
    NotTriedError,
    SharedFailureError,
    SharedFailures,
    Tried,
)
from geesync.errors import LONGEST_ASKED_S, Cause, RemoteError
from geesync.logger import get_logger
from geesync.store.ledger.roots import Roots

log = get_logger()

#: What lasts for hours is not asked for every few minutes: a probe may cost an operation.
_PATIENCE_S = {Cause.OVER_QUOTA: 1800.0}

_FIRST_WAIT = timedelta(seconds=15)
_LONGEST_WAIT = timedelta(minutes=5)  # an outage that has ended is seen before people wonder
_LONGEST_WAIT_FOR_ENDINGS = timedelta(minutes=30)  # such a probe is a whole export
_DOUBLINGS = 7
#: What is later was written by a clock that was ahead.
_LONGEST_ASKED = timedelta(seconds=LONGEST_ASKED_S)


@dataclass
class Gate:
    """One class of work, or of it what goes to one destination: open, or closed with a reason."""

    work: str  #: its name in the log, and what is kept
    clock: Callable[[], datetime]
    memory: Roots  #: what outlives the process
    calls: SharedFailures
    endings: SharedFailures = field(default_factory=lambda: SharedFailures(()))
    refusal: RemoteError | None = None  #: why it is closed
    by_ending: bool = False  #: closed by how exports ended: only an ending opens it
    _wronged: set[int] = field(default_factory=set)
    _closed_at: datetime | None = None
    _probe_at: datetime | None = None
    _probes: int = 0

    def __post_init__(self) -> None:
        kept = json.loads(self.memory.get(self._key) or "{}")
        if kept.get("reason"):
            cause = Cause(kept.get("cause", Cause.PERMISSION))
            self.refusal, self.by_ending = RemoteError(cause, kept["reason"]), kept["by_ending"]
            self._closed_at = datetime.fromisoformat(kept["closed_at"])

    @property
    def reason(self) -> str:
        """Why it is closed; empty while it is open."""
        return str(self.refusal) or "no reason was told" if self.refusal else ""

    @property
    def lasts(self) -> bool:
        """Whether it is closed for longer than an outage that people would wait for."""
        since = self._closed_at if self.reason else None
        return since is not None and self.clock() - since > _LONGEST_WAIT

    @property
    def waits_for(self) -> datetime | None:
        """Since when a task that is asked for is the probe whose end is waited for."""
        return self._closed_at if self.reason and self.by_ending else None

    def room(self, most: int) -> int:
        """Return how many may be tried now: as many as asked, one as a probe, or none."""
        if not self.reason:
            return most
        now = self.clock()
        if self._closed_at and self._closed_at > now:  # the clock was ahead, and is set right
            self._closed_at, self._probe_at = now, None
        due = self._probe_at is None or not now < self._probe_at <= now + _LONGEST_ASKED
        return min(most, 1) if due else 0

    def judge(self, tried: Collection[Tried]) -> list[object]:
        """Return the answers to what was tried; what is the world's fault as SharedFailureError."""
        return self._judged(self.calls, tried, halted=bool(self.reason) and not self.by_ending)

    def learn(self, answers: Collection[object]) -> None:
        """Learn from what was tried: a refusal that concerns all closes, any other word opens."""
        errors = [answer for answer in answers if isinstance(answer, RemoteError)]
        blocking = [error for error in errors if self._blocks(error)]
        if blocking:
            self.close(blocking[0])
        elif answers and self.by_ending:
            self._wait(timedelta())  # the probe is on its way; its end will tell
        elif answers:
            self.open()

    def learn_endings(self, ended: Collection[Tried]) -> list[object]:
        """Learn how tasks ended; return how; what is the world's fault as SharedFailureError."""
        answers = self._judged(self.endings, ended, halted=self.by_ending)
        for refusal in filter(_ends_all, answers):
            self.close(refusal, by_ending=True)
        since = self.waits_for
        for task, answer in zip(ended, answers, strict=True):
            if since and task.began and task.began >= since and not _ends_all(answer):
                self.open()
        return answers

    def wronged_assets(self) -> set[int]:
        """Return the assets that were blamed for what was the world's, since the last call."""
        wronged, self._wronged = self._wronged, set()
        return wronged

    def _judged(
        self, failures: SharedFailures, tried: Collection[Tried], *, halted: bool
    ) -> list[object]:
        answers, wronged = failures.judge(tried, self.clock(), halted=halted)
        self._wronged |= wronged
        return answers

    def _blocks(self, error: RemoteError) -> bool:
        if error.cause in FOR_ALL or isinstance(error, NotTriedError | SharedFailureError):
            return True
        return bool(self.reason) and error.cause == Cause.TRANSIENT

    def close(self, error: RemoteError, *, by_ending: bool = False) -> None:
        """Let nothing through but a probe now and then."""
        if not self.reason:
            log.warning("work_halted", work=self.work, cause=error.cause, reason=str(error))
            self._closed_at = self.clock()
        before = self.reason, self.by_ending
        self.refusal, self.by_ending = error, self.by_ending or by_ending
        if (self.reason, self.by_ending) != before:
            self._keep()
        asked_s = error.retry_after_s or _PATIENCE_S.get(error.cause, 0.0)
        self._wait(timedelta(seconds=asked_s))

    def open(self) -> None:
        """Let everything through."""
        if not self.reason:
            return
        log.info("work_resumed", work=self.work)
        self.refusal, self.by_ending, self._probes = None, False, 0
        self._keep()

    def _wait(self, asked: timedelta) -> None:
        longest = _LONGEST_WAIT_FOR_ENDINGS if self.by_ending else _LONGEST_WAIT
        wait = min(_FIRST_WAIT * 2 ** min(self._probes, _DOUBLINGS), longest)
        jitter = random.uniform(0.5, 1.0)  # noqa: S311 # spreads machines, hides nothing
        self._probe_at = self.clock() + max(wait * jitter, asked)
        self._probes += 1

    @property
    def _key(self) -> str:
        return f"halted:{self.work}"

    def _keep(self) -> None:
        closed_at = self._closed_at.isoformat() if self._closed_at else None
        kept = {"reason": self.reason, "by_ending": self.by_ending, "closed_at": closed_at}
        kept |= {"cause": self.refusal.cause} if self.refusal else {}
        self.memory.put(self._key, json.dumps(kept), self.clock())


def _ends_all(answer: object) -> TypeGuard[RemoteError]:
    """Whether a task's end concerns all tasks."""
    if not isinstance(answer, RemoteError):
        return False
    known = answer.cause in {Cause.PERMISSION, Cause.OVER_QUOTA, Cause.DRIVE_FULL}
    return known or isinstance(answer, SharedFailureError)
