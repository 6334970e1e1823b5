"""What operations do that takes time: done in a thread, outside of every lock."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from geesync.simulator.refusals import INTERNAL, RESOURCE_EXHAUSTED, ExportRefused

Failure = tuple[int, str]  #: (google.rpc.Code, message)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """Work of an operation on bytes."""

    do: Callable[[], None]
    then: Callable[[Failure | None], None]  #: is told, under the lock, how it went

    def carry_out(self) -> Failure | None:
        """Do the work; whatever is raised is the operation's failure, and nobody else's."""
        try:
            self.do()
        except ExportRefused as refusal:
            return refusal.code, refusal.message
        except MemoryError:
            return RESOURCE_EXHAUSTED, "User memory limit exceeded."
        except Exception as error:  # a mistake of the simulator's own, which must not end it
            log.exception("a task of the simulator failed by a mistake of its own")
            return INTERNAL, f"Simulator: {error!r}"
        return None


class Worker:
    """Does jobs, one after the other, while the lock is free for everybody else.

    lock: of what the jobs belong to. following: returns the next job, if one is due; is called
    under the lock, and not before the job before is done.
    """

    def __init__(self, lock: threading.RLock, following: Callable[[], Job | None]) -> None:
        self._lock = lock
        self._rest = threading.Condition(lock)
        self._following = following
        self._busy = False

    def go_on(self, wait_s: float) -> None:
        """Begin what is due, and wait so long at most, in real seconds, until nothing is."""
        with self._lock:
            if not self._busy and (job := self._following()):
                self._busy = True
                # Not to be waited for when the program ends.
                threading.Thread(target=self._run, args=(job,), name="work", daemon=True).start()
            if self._busy and wait_s:
                self._rest.wait_for(lambda: not self._busy, min(wait_s, threading.TIMEOUT_MAX))

    def _run(self, job: Job | None) -> None:
        while job is not None:
            job = self._done(job, job.carry_out())

    def _done(self, job: Job, failure: Failure | None) -> Job | None:
        following = None
        with self._lock:
            try:
                job.then(failure)
                following = self._following()
            finally:
                self._busy = following is not None
                self._rest.notify_all()
        return following
