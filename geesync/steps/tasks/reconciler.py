"""Learns what became of our exports: one listing of operations settles many assets.

An operation that is not in the listing is asked for singly, and its files in the bucket count for
more than its absence: nothing is exported again because one look did not show it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar

from geesync.adapters.earth_engine.earth_engine import EarthEngine
from geesync.domain.failures.google_errors import classify_operation
from geesync.domain.messages.words import counted
from geesync.domain.mirror.lifecycle import State
from geesync.domain.tasks.lifecycle import (
    STAGED,
    Cancelled,
    Ended,
    Failed,
    NeverSeen,
    Started,
    SubjectKind,
    TaskEvent,
    TaskState,
)
from geesync.domain.tasks.operations import CANCELLED, FAILED, KNOWN, SUCCEEDED, Operation
from geesync.errors import Cause, RemoteError
from geesync.logger import get_logger
from geesync.steps.brakes.gates import Gates, tried
from geesync.steps.step import StepContext, Tally
from geesync.steps.tasks.asset_outcomes import AssetOutcomes
from geesync.steps.tasks.staged_objects import StagedObjects
from geesync.store.ledger.roots import Roots
from geesync.store.ledger.usage import QUEUE
from geesync.store.tasks.task_rows import Task
from geesync.store.tasks.tasks import TaskMove, Tasks

log = get_logger()

#: How long an ask whose answer was lost may be on its way: a new operation is not listed at once.
_GRACE = timedelta(minutes=2)

#: Success is said before all files are seen, by minutes at most.
LATE_FILES = timedelta(minutes=10)


@dataclass
class Reconciler:
    """Settles exports by what Earth Engine and the bucket say, then the assets by their exports."""

    name: ClassVar[str] = "reconciler"

    context: StepContext
    earth_engine: EarthEngine
    tasks: Tasks
    staged: StagedObjects
    outcomes: AssetOutcomes
    roots: Roots
    gates: Gates  #: of exports: how they end may close one, or open it
    _strange: str = field(default="", init=False)  #: what nobody can tell how to go on with

    def run_once(self) -> Tally:
        """Look at every export in flight, then move the assets whose exports have all ended."""
        in_flight, self._strange = self.tasks.in_flight(), ""
        failed = self._settle(in_flight) if in_flight else []
        moved = self.context.record(self.outcomes.of_failed(failed))
        moved += self.context.excuse(self.gates.wronged_assets())
        settled = self.tasks.settled_assets(now=self.context.clock(), limit=self.context.chunk)
        moved += self.context.record(self.outcomes.of_settled(settled))
        return Tally(
            moved=moved,
            busy=len(settled) == self.context.chunk and moved > 0,
            waiting=self.staged.trouble or self._strange,
        )

    def _settle(self, in_flight: list[Task]) -> list[Task]:
        """Write down what became of each task; return those that failed."""
        looked_at = self.context.clock()
        operations = self._operations(in_flight)
        unwanted = self._unwanted(in_flight)
        known = [(task, operations[task.id]) for task in in_flight if task.id in operations]
        self._cancel(operation for task, operation in known if task.id in unwanted)
        moves = [TaskMove(task, event) for task, op in known for event in _learnt(task, op)]
        missing = [task for task in in_flight if task.id not in operations]
        moves += self._lost([task for task in missing if self._is_late(task, looked_at, unwanted)])
        moved = self.tasks.record(moves, self.context.clock())
        return self._end([(moved.get(task.id, task), operation) for task, operation in known])

    def _end(self, tasks: list[tuple[Task, Operation]]) -> list[Task]:
        """Write down which tasks have ended, and how; return those that failed."""
        now, strange = self.context.clock(), [op for _, op in tasks if op.state not in KNOWN]
        if strange:
            what, first = counted(len(strange), "operation"), strange[0]
            self._strange = f"{what} in a state unknown to geesync: {first.id} is {first.state}"
        good, late = self._collected(
            [task for task, op in tasks if op.state == SUCCEEDED and _is_staged(task)], now
        )
        bad = [(task, _bad_end(op)) for task, op in tasks if op.state in {FAILED, CANCELLED}]
        bad += [(task, RemoteError(Cause.FAILED, _WITHOUT_FILES)) for task in late]
        eecu_s = {task.id: op.eecu_s for task, op in tasks if op.state != SUCCEEDED}
        moves = [
            TaskMove(task, _failed(error, eecu_s.get(task.id)))
            for task, error in self._judged(bad, good)
        ]
        ended = self.tasks.record(moves, now).values()
        return [task for task in ended if task.subject.kind == SubjectKind.ASSET]

    def _judged(
        self, bad: list[tuple[Task, RemoteError]], good: list[Task]
    ) -> list[tuple[Task, RemoteError]]:
        """Return why tasks failed: a refusal of everything is not a failure of single ones.

        Earth Engine's words for a bucket that it may not write are not documented: we look.
        """
        unknown = {
            task.destination.place
            for task, error in bad
            if error.cause == Cause.FAILED and _is_staged(task)
        }
        refusals = {place: self._refusal_of(place) for place in unknown}
        ended: list[tuple[Task, RemoteError | None]] = [
            (task, (error.cause == Cause.FAILED and refusals.get(task.destination.place)) or error)
            for task, error in bad
        ]
        ended += [(task, None) for task in good]
        answers = self.gates.learn_endings([tried(task, error) for task, error in ended])
        return [
            (task, answer)
            for (task, _), answer in zip(ended, answers, strict=True)
            if isinstance(answer, RemoteError)
        ]

    def _refusal_of(self, place: str) -> RemoteError | None:
        """Return why a bucket, or Drive, is refused to us, if it is."""
        try:
            self.staged.stores.at(place).check_access(place)
        except RemoteError as refused:
            return refused if refused.cause == Cause.PERMISSION else None
        return None

    def _operations(self, in_flight: list[Task]) -> dict[int, Operation]:
        """Return the operation of each export that has one, by export id."""
        by_operation = {task.operation: task.id for task in in_flight if task.operation}
        by_token = {task.token: task.id for task in in_flight if not task.operation}
        found: dict[int, Operation] = {}
        working: dict[str, Operation] = {}
        for page in self.earth_engine.list_operations():
            self.context.check_stop()
            for operation in page:
                if operation.is_queued or operation.is_working:
                    working[operation.id] = operation
                task_id = by_operation.get(operation.id, by_token.get(operation.token or ""))
                if task_id is not None:
                    found[task_id] = operation
            if len(found) == len(in_flight) and not any(op.id in working for op in page):
                break  # what follows is history
        self._note_queue(working, by_operation)
        return found | self._ask_singly(
            [task for task in in_flight if task.operation and task.id not in found]
        )

    def _unwanted(self, in_flight: list[Task]) -> set[int]:
        """Return the ids of tasks whose asset a person does not want any more."""
        tasks = [task for task in in_flight if task.subject.kind == SubjectKind.ASSET]
        assets = self.context.ledger.assets({task.subject.id for task in tasks})
        cancelled = {
            asset.id
            for asset in assets
            if asset.standing.state == State.QUARANTINED and asset.standing.cause == Cause.CANCELLED
        }
        return {task.id for task in tasks if task.subject.id in cancelled}

    def _cancel(self, operations: Iterable[Operation]) -> None:
        active = [operation for operation in operations if operation.is_cancellable]
        answers = self.context.each(active, lambda op: self.earth_engine.cancel_operation(op.id))
        for operation, answer in answers:
            if isinstance(answer, Exception):
                log.warning("cancel_refused", operation=operation.id, error=str(answer))
            else:
                log.info("operation_cancelled", operation=operation.id)

    def _note_queue(self, working: dict[str, Operation], ours: Iterable[str | None]) -> None:
        queued = sum(operation.is_queued for operation in working.values())
        queue = {
            "queued": queued,
            "running": len(working) - queued,
            "foreign": len(working.keys() - set(ours)),
        }
        self.roots.put(QUEUE, json.dumps(queue), self.context.clock())

    def _ask_singly(self, missing: list[Task]) -> dict[int, Operation]:
        found: dict[int, Operation] = {}
        answers = self.context.each(
            missing, lambda task: self.earth_engine.get_operation(str(task.operation))
        )
        for task, answer in answers:
            if isinstance(answer, Operation):
                found[task.id] = answer
            elif isinstance(answer, RemoteError) and answer.cause == Cause.GONE:
                # Finished operations are forgotten after a while: the files show how it ended.
                found[task.id] = Operation(str(task.operation), SUCCEEDED)
        return found

    def _lost(self, late: list[Task]) -> list[TaskMove]:
        """Return which tasks are lost: those of which the bucket has no files either.

        Another export costs more than a look. Where the bucket cannot be seen nothing is known.
        """
        staged = [task for task in late if _is_staged(task)]
        found = self.staged.find(staged)
        whole = [(task, found[task.id]) for task in staged if found.get(task.id)]
        self.tasks.succeed(whole, self.context.clock())
        lost = [task for task in late if not _is_staged(task) or found.get(task.id) == []]
        for task in lost:
            log.warning("export_lost", token=task.token)
        return [TaskMove(task, NeverSeen()) for task in lost]

    def _is_late(self, task: Task, looked_at: datetime, unwanted: set[int]) -> bool:
        """Whether to give up on a task that never showed, and that nobody will send again.

        looked_at: when the look began; a long one must not pass for a late one.
        """
        unrepeated = task.state == TaskState.UNCLEAR or task.id in unwanted
        return unrepeated and _age(task.intended_at, looked_at) > _GRACE

    def _collected(self, ended: list[Task], now: datetime) -> tuple[list[Task], list[Task]]:
        """Write down the files of tasks that have succeeded; return those that have all, or none.

        The second are those whose files should have come long ago.
        """
        found = self.staged.find(ended)
        for store, error in self.staged.refused.items():
            if error.cause == Cause.PERMISSION:  # what cannot be seen there is not to become more
                self.gates.at(store).close(error, by_ending=True)
        self.tasks.succeed([(task, found[task.id]) for task in ended if found.get(task.id)], now)
        late = [
            task
            for task in ended
            if found.get(task.id) == [] and task.ended_at and _age(task.ended_at, now) > LATE_FILES
        ]
        return [task for task in ended if found.get(task.id)], late


def _age(then: datetime, now: datetime) -> timedelta:
    """Return how old something is; what is of the future was written by a clock that was ahead."""
    return abs(now - then)


_WITHOUT_FILES = "the operation succeeded, but its files are not all there"


def _learnt(task: Task, operation: Operation) -> list[TaskEvent]:
    """Return what an operation means for its task, as long as that has not failed."""
    events: list[TaskEvent] = []
    if task.operation != operation.id:
        log.info("export_adopted", operation=operation.id, token=task.token)
    if task.state != TaskState.RUNNING:
        events.append(Started(operation=operation.id))
    if operation.state == SUCCEEDED and task.ended_at is None:
        events.append(Ended(eecu_s=operation.eecu_s))
    return events


def _bad_end(operation: Operation) -> RemoteError:
    cause = classify_operation(operation.error_code, operation.error)
    if operation.state == CANCELLED:
        cause = Cause.CANCELLED
    log.warning("export_failed", operation=operation.id, cause=cause, error=operation.error)
    return RemoteError(cause, operation.error or "Earth Engine told no reason")


def _is_staged(task: Task) -> bool:
    """Whether it writes objects into a bucket or Drive, and a plan says which."""
    return task.destination.kind in STAGED and task.plan_id is not None


def _failed(error: RemoteError, eecu_s: float | None) -> TaskEvent:
    kind = Cancelled if error.cause == Cause.CANCELLED else Failed
    return kind(str(error), error.cause, eecu_s)
