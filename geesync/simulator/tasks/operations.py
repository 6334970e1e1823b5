"""The operations of the account: started, listed, cancelled, forgotten."""

from __future__ import annotations

import base64
import bisect
import hashlib
import re
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from geesync.simulator.clock import SimClock
from geesync.simulator.profiles import Dice, Profile, Range
from geesync.simulator.refusals import RESOURCE_EXHAUSTED, BadRequest, CallRefused
from geesync.simulator.tasks.compute_quota import REFUSAL as EECU_REFUSAL
from geesync.simulator.tasks.compute_quota import ComputeQuota, Use
from geesync.simulator.tasks.jobs import Failure, Worker
from geesync.simulator.tasks.operation import HOLES, Operation, State, Task
from geesync.simulator.tasks.request_ids import RequestIds
from geesync.simulator.tasks.scheduling import Schedule
from geesync.simulator.wire.audit import Audit

LEGACY_PROJECT = "earthengine-legacy"
ID_BYTES = 15  #: 24 characters in base 32
#: How long a call waits for work that is due, if the clock stands still: to whom time does not
#: pass, what is due has happened. Real seconds.
PATIENCE_S = 30.0
PAGE_TOKEN = re.compile(r"[0-9]{1,18}")


@dataclass
class Misfortune:
    """A scripted failure: the next operations whose description matches end FAILED."""

    pattern: str  #: regular expression, searched in the description
    code: int
    message: str
    count: int | None  #: so many; None = all
    fired: int = 0


class Operations:
    """All operations, thread-safe; whatever is asked is answered as of the clock's now.

    Work is done in a thread of its own, outside of the lock: while it lasts, operations can be
    started, read and cancelled, but nothing later happens to any of them.
    """

    def __init__(self, clock: SimClock, profile: Profile, audit: Audit, *, seed: int = 0) -> None:
        self._clock = clock
        self._profile = profile
        self._audit = audit
        self._seed = seed
        self._dice = Dice(seed)
        self._lock = threading.RLock()
        self._patience_s = 0.0 if clock.speed else PATIENCE_S
        self._ids = RequestIds(profile, self._dice)
        self.compute = ComputeQuota(profile)
        self._schedule = Schedule(profile, self._dice, clock.now())
        self._schedule.on_end = self._ended
        self._schedule.misfortune = self._misfortune
        self._worker = Worker(self._lock, lambda: self._schedule.settle(clock.now()))
        self._misfortunes: list[Misfortune] = []
        self._by_id: dict[str, Operation] = {}
        self._in_order: list[Operation] = []
        self._finished: deque[Operation] = deque()
        self._created = 0

    # --- What the service's methods do.

    def start(self, task: Task) -> Operation:
        """Take in a task, or return the operation that an identical request started.

        Raises CallRefused if the request id was used for something else, or if the project's
        queue is full.
        """
        self.settle()
        with self._lock:
            earlier = self._ids.earlier(task)
            if earlier is not None and earlier in self._by_id:
                self._audit.add("duplicate", earlier, request_id=task.request_id)
                return self._by_id[earlier]
            self.compute.check(task.project, self._clock.now())
            limit = self._profile.queue_limit
            if self._schedule.waiting(task.project) >= limit:
                self._ids.rejected(task)
                raise CallRefused(
                    self._profile.queue_full_status,
                    f"Too many tasks already in the queue ({limit})."
                    " Please wait for some of them to complete.",
                )
            operation = self._create(task)
            self._ids.started(task, operation.id)
            return operation

    def get(self, name: str) -> Operation:
        """Return the operation of this name or id; the project in the name does not matter.

        Raises CallRefused(404) if there is none, or not any more.
        """
        self.settle()
        with self._lock:
            return self._known(name)

    def page(self, project: str, size: int, after: str = "") -> tuple[Sequence[Operation], str]:
        """Return operations of a project, and the token of the next page.

        Operations that are created meanwhile do not move those that are still to come, unless
        the profile says that pages shift.
        """
        if after and PAGE_TOKEN.fullmatch(after) is None:
            raise BadRequest("Invalid page token.")
        self.settle()
        with self._lock:
            listed = self._listed(project)
            start = self._start(listed, after)
            page = listed[start : start + size]
            if start + size >= len(listed):
                return page, ""
            return page, str(start + size if self._profile.shifting_pages else page[-1].number)

    def _listed(self, project: str) -> list[Operation]:
        """Return the operations of a project that a listing shows now, in its order."""
        now = self._clock.now()
        seen = [
            operation
            for operation in self._in_order
            if operation.task.project == project and operation.seen_from <= now
        ]
        if self._profile.operation_order == "mixed":
            return sorted(seen, key=lambda operation: operation.id)
        return seen if self._profile.operation_order == "oldest_first" else seen[::-1]

    def _start(self, listed: list[Operation], after: str) -> int:
        """Return where a page begins that follows a token."""
        if not after or self._profile.shifting_pages:
            return int(after or 0)
        numbers = [operation.number for operation in listed]
        if int(after) in numbers:
            return numbers.index(int(after)) + 1
        # What the last page ended with has been forgotten meanwhile: go on behind its place.
        return bisect.bisect(numbers, -int(after), key=lambda number: -number)

    def cancel(self, name: str) -> None:
        """Ask an operation to end; it may not listen, and one that has ended stays as it is."""
        self.settle()
        with self._lock:
            operation = self._known(name)
            if operation.done and self._profile.cancel_of_finished == "refuse":
                raise BadRequest("The operation is already complete and cannot be cancelled.")
            if operation.state not in (State.PENDING, State.RUNNING):
                return
            self._audit.add("cancel", operation.name)
            self._schedule.cancel(operation, self._clock.now())
        self.settle()

    def delete(self, name: str) -> None:
        """Forget an operation; it goes on unseen."""
        self.settle()
        with self._lock:
            operation = self._known(name)
            del self._by_id[operation.id]
            self._in_order.remove(operation)

    # --- What tests and the ticker do.

    def settle(self, patience_s: float | None = None) -> None:
        """Let everything happen that is due by now; cheap if nothing is.

        patience_s: so long, in real seconds, work is waited for; None = as long as calls wait,
        which is not at all if the clock runs. Work goes on whether it is waited for or not.
        """
        self._worker.go_on(self._patience_s if patience_s is None else patience_s)
        with self._lock:
            self._forget_old()

    def all(self, *states: State) -> list[Operation]:
        """Return all known operations, oldest first; only those in these states, if given."""
        self.settle()
        with self._lock:
            return [op for op in self._in_order if not states or op.state in states]

    def start_foreign(
        self,
        count: int = 1,
        *,
        project: str,
        run_s: float | None = None,
        description: str = "somebody else's task",
    ) -> list[Operation]:
        """Start exports of a colleague: they are listed, wait and take up slots as ours."""
        task = Task(project, "EXPORT_IMAGE", description=description, run_s=run_s)
        return [self.start(task) for _ in range(count)]

    def fail(self, pattern: str, code: int, message: str, *, count: int | None = 1) -> Misfortune:
        """Let the next operations whose description matches fail, and return the counter."""
        re.compile(pattern)  # now, not when it is the turn of an operation
        misfortune = Misfortune(pattern, code, message, count)
        with self._lock:
            self._misfortunes.append(misfortune)
        return misfortune

    def waiting(self, project: str) -> int:
        """Return how many operations of a project wait for a slot."""
        self.settle()
        with self._lock:
            return self._schedule.waiting(project)

    def slots(self, project: str) -> int:
        """Return how many exports of a project may run at once."""
        with self._lock:
            return self._schedule.slots.get(project, self._profile.running_slots)

    def set_slots(self, project: str, slots: int) -> None:
        """Change how many exports of a project may run at once; those running go on."""
        with self._lock:
            self._schedule.slots[project] = slots
        self.settle()

    # --- Within.

    def _known(self, name: str) -> Operation:
        operation = self._by_id.get(name.rpartition("/")[2])
        if operation is None:
            raise CallRefused(404, "Requested entity was not found.")
        return operation

    def _forget_old(self) -> None:
        if self._profile.retention_s == float("inf"):
            return
        horizon = self._clock.now() - timedelta(seconds=self._profile.retention_s)
        while self._finished and self._finished[0].updated <= horizon:
            old = self._finished.popleft()
            if self._by_id.pop(old.id, None):
                self._in_order.remove(old)

    def _create(self, task: Task) -> Operation:
        now = self._clock.now()
        operation = Operation(
            id=self._new_id(),
            number=self._created,
            task=task,
            created=now,
            updated=now,
            seen_from=now + self._drawn("list_lag", self._profile.list_lag_s),
            late=self._drawn("late", self._lateness(task)),
            holes=frozenset(
                hole for hole in HOLES if self._dice.happens("hole", self._profile.metadata_holes)
            ),
        )
        self._created += 1
        self._by_id[operation.id] = operation
        self._in_order.append(operation)
        self._schedule.enqueue(operation)
        return operation

    def _lateness(self, task: Task) -> Range:
        return self._profile.asset_lag_s if task.writes_asset else self._profile.object_lag_s

    def _new_id(self) -> str:
        digest = hashlib.sha256(f"{self._seed}/{self._created}".encode()).digest()
        return base64.b32encode(digest[:ID_BYTES]).decode()

    def _drawn(self, purpose: str, bounds: Range) -> timedelta:
        low, high = bounds
        if not high:
            return timedelta()
        return timedelta(seconds=self._dice.roll(purpose).uniform(low, high))

    def _misfortune(self, operation: Operation) -> Failure | None:
        project, began = operation.task.project, operation.started
        by_end = self._profile.eecu_refuses == "operations"
        if by_end and self.compute.exhausted(project, began):
            return RESOURCE_EXHAUSTED, EECU_REFUSAL
        for misfortune in self._misfortunes:
            spent = misfortune.fired == misfortune.count
            if not spent and re.search(misfortune.pattern, operation.task.description):
                misfortune.fired += 1
                return misfortune.code, misfortune.message
        return None

    def _ended(self, operation: Operation) -> None:
        self._finished.append(operation)
        task = operation.task
        self.compute.add(
            Use(task.project, operation.updated, "batch", task.workload_tag, operation.eecu_s)
        )
        self._audit.add("operation_ended", operation.name, state=operation.state)
