"""When which operation runs: queues, slots, evictions and ends, on virtual time.

Everything happens in ``settle``, in the order of virtual time, however late it is called: so
the history is the same whether a test advances an hour at once or a second at a time. What
takes real time is handed out as a job, and waited for before anything later happens.
"""

from __future__ import annotations

import heapq
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from geesync.simulator.profiles import Dice, Profile, Range
from geesync.simulator.refusals import (
    CANCELLED,
    INTERNAL,
    INVALID_ARGUMENT,
    RESOURCE_EXHAUSTED,
)
from geesync.simulator.tasks.jobs import Failure, Job
from geesync.simulator.tasks.operation import Operation, State, eecu_seconds

Pool = tuple[str, bool]  #: (project, is it for imports?)
Event = Callable[[Operation, datetime], Job | None]

#: What operations fail with although nothing is wrong with them.
BAD_LUCK: tuple[Failure, ...] = (
    (INTERNAL, "Internal error."),
    (RESOURCE_EXHAUSTED, "User memory limit exceeded."),
    (RESOURCE_EXHAUSTED, "Execution failed; out of memory."),
    (INVALID_ARGUMENT, "Computation timed out."),
)


class Schedule:
    """The queue of every project, its slots, and what is planned to happen when."""

    def __init__(self, profile: Profile, dice: Dice, began: datetime) -> None:
        self.profile = profile
        self.slots: dict[str, int] = {}  #: per project, where it differs from the profile
        self.on_end: Callable[[Operation], None] = lambda _: None
        self.misfortune: Callable[[Operation], Failure | None] = lambda _: None
        self._dice = dice
        self._settled_to = began
        self._planned: list[tuple[datetime, int, Operation, int, Event]] = []
        self._plans = 0
        self._ready: dict[Pool, list[tuple[int, int, Operation]]] = defaultdict(list)
        self._running: Counter[Pool] = Counter()
        self._waiting: Counter[str] = Counter()

    def waiting(self, project: str) -> int:
        """Return how many operations of a project wait for a slot, imports included."""
        return self._waiting[project]

    def running(self, project: str) -> int:
        """Return how many exports of a project run."""
        return self._running[project, False]

    def enqueue(self, operation: Operation) -> None:
        """Take in a new operation; the schedule must be settled to its creation."""
        self._waiting[operation.task.project] += 1
        self._queue(operation, operation.created)

    def settle(self, now: datetime) -> Job | None:
        """Let everything happen that is due until now; return the job that must be done first.

        To be called again when that has been done.
        """
        self._fill_slots(self._settled_to)
        while self._planned and self._planned[0][0] <= now:
            moment, _, operation, step, event = heapq.heappop(self._planned)
            self._settled_to = max(self._settled_to, moment)
            if operation.step == step:
                job = event(operation, self._settled_to)
                if job is not None:
                    return job
                self._fill_slots(self._settled_to)
        self._settled_to = max(self._settled_to, now)
        return None

    def cancel(self, operation: Operation, now: datetime) -> None:
        """Begin to cancel an operation that has not ended."""
        running = operation.state is State.RUNNING
        if not running:
            self._waiting[operation.task.project] -= 1
        operation.state = State.CANCELLING
        operation.updated = now
        if running and self._dice.happens("cancel", self.profile.cancels_lost):
            return  # too late: it goes on to its end
        operation.step += 1
        wait_s = _draw(self._dice.roll("cancel_s"), self.profile.cancel_s)
        self._plan(operation, now + timedelta(seconds=wait_s), self._cancelled)

    def withdraw(self, operation: Operation) -> None:
        """Forget an operation that is not to be known any more."""
        if operation.state is State.PENDING:
            self._waiting[operation.task.project] -= 1

    # --- Events.

    def _queue(self, operation: Operation, now: datetime) -> None:
        wait_s = operation.task.queue_s
        if wait_s is None:
            wait_s = self.profile.queue_s.draw(self._dice.roll("queue"))
        operation.step += 1
        self._plan(operation, now + timedelta(seconds=wait_s), self._become_ready)

    def _become_ready(self, operation: Operation, _: datetime) -> None:
        task = operation.task
        entry = (-task.priority, operation.number, operation)
        heapq.heappush(self._ready[task.project, task.is_import], entry)

    def _fill_slots(self, now: datetime) -> None:
        for pool, ready in self._ready.items():
            while ready and self._running[pool] < self._slots(pool):
                operation = heapq.heappop(ready)[2]
                if operation.state is State.PENDING:
                    self._start(operation, now)

    def _slots(self, pool: Pool) -> int:
        project, for_imports = pool
        if self.profile.restricted:
            return 1
        if for_imports:
            return self.profile.import_slots
        return self.slots.get(project, self.profile.running_slots)

    def _start(self, operation: Operation, now: datetime) -> None:
        task, dice = operation.task, self._dice.roll("run")
        self._waiting[task.project] -= 1
        self._running[task.project, task.is_import] += 1
        operation.in_slot = True
        run_s = task.run_s
        if run_s is None:
            known = self.profile.import_s if task.is_import else self.profile.run_s
            run_s = known.draw(dice)
        operation.state = State.RUNNING
        operation.attempt += 1
        operation.started = operation.updated = now
        operation.due = now + timedelta(seconds=run_s)
        operation.step += 1
        if self._is_evicted(operation, dice):
            self._plan(operation, now + timedelta(seconds=run_s * dice.random()), self._evict)
            return
        wait_s = min(_draw(dice, self.profile.refusal_s), run_s)
        self._plan(operation, now + timedelta(seconds=wait_s), self._work)

    def _is_evicted(self, operation: Operation, dice: random.Random) -> bool:
        likely = dice.random() < self.profile.evictions
        return likely and operation.attempt < self.profile.most_attempts

    def _evict(self, operation: Operation, now: datetime) -> None:
        self._leave_slot(operation)
        operation.state = State.PENDING
        operation.updated = now
        self._waiting[operation.task.project] += 1
        self._queue(operation, now)

    def _work(self, operation: Operation, now: datetime) -> Job | None:
        """Do the work, so that a refusal shows early; its result shows at the end."""
        misfortune = self.misfortune(operation) or self._bad_luck()
        if misfortune is not None:
            self._end(operation, State.FAILED, now, misfortune)
            return None
        step, work = operation.step, operation.task.work

        def do() -> None:
            operation.result = work() if work is not None else None

        def then(failure: Failure | None) -> None:
            if operation.step != step:  # it was cancelled meanwhile
                _drop_result(operation)
            elif failure is not None:
                self._end(operation, State.FAILED, now, failure)
            else:
                self._plan(operation, max(operation.due, now), self._finish)

        return Job(do, then)

    def _bad_luck(self) -> Failure | None:
        if not self._dice.happens("bad_luck", self.profile.failing_operations):
            return None
        return self._dice.roll("what").choice(BAD_LUCK)

    def _finish(self, operation: Operation, now: datetime) -> Job:
        result = operation.result

        def do() -> None:
            if operation.late and result is not None:
                result.publish_some()
            else:
                _publish(operation)

        def then(failure: Failure | None) -> None:
            if failure is not None:
                self._end(operation, State.FAILED, now, failure)
                return
            self._end(operation, State.SUCCEEDED, now)
            if operation.late:
                self._plan(operation, now + operation.late, self._publish_late)

        return Job(do, then)

    def _publish_late(self, operation: Operation, _: datetime) -> Job:
        # If that fails: it has succeeded; its result never shows.
        return Job(lambda: _publish(operation), lambda _: None)

    def _cancelled(self, operation: Operation, now: datetime) -> Job | None:
        def then(_: Failure | None) -> None:
            self._end(operation, State.CANCELLED, now, (CANCELLED, "Cancelled."))

        if self._dice.happens("leftovers", self.profile.leftovers):
            return Job(lambda: _publish(operation), then)
        _drop_result(operation)
        then(None)
        return None

    # --- Within.

    def _end(
        self,
        operation: Operation,
        state: State,
        now: datetime,
        error: Failure | None = None,
    ) -> None:
        if operation.in_slot:
            self._leave_slot(operation)
            operation.eecu_s = eecu_seconds(operation.started, now)
        operation.updated = operation.ended = now
        operation.error = error
        operation.task = replace(operation.task, work=None)
        operation.state = state  # last: what is told of an end is told for good
        operation.step += 1
        self.on_end(operation)

    def _leave_slot(self, operation: Operation) -> None:
        operation.in_slot = False
        self._running[operation.task.project, operation.task.is_import] -= 1

    def _plan(self, operation: Operation, moment: datetime, event: Event) -> None:
        self._plans += 1
        heapq.heappush(self._planned, (moment, self._plans, operation, operation.step, event))


def _publish(operation: Operation) -> None:
    if operation.result is not None:
        operation.result.publish()
        operation.result = None


def _drop_result(operation: Operation) -> None:
    if operation.result is not None:
        operation.result.drop()
        operation.result = None


def _draw(dice: random.Random, bounds: Range) -> float:
    low, high = bounds
    return dice.uniform(low, high) if high > low else low
