"""Sends tasks that are written down to Earth Engine, whoever they work for.

The task was committed before; whatever comes of the request, or does not come, the ledger knows
that it may be running.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from geesync.adapters.earth_engine.earth_engine import EarthEngine
from geesync.adapters.executors.executor import plain
from geesync.domain.failures.shared_failures import NotTriedError
from geesync.domain.json import Json
from geesync.domain.tasks.lifecycle import (
    MaybeStarted,
    Refused,
    Started,
    TaskEvent,
    TaskState,
    Unanswered,
)
from geesync.domain.tasks.operations import Operation
from geesync.errors import BugError, Cause, RemoteError
from geesync.logger import get_logger
from geesync.steps.brakes.gates import Gates, tried
from geesync.steps.step import StepContext
from geesync.store.tasks.task_rows import Task
from geesync.store.tasks.tasks import TaskMove, Tasks

log = get_logger()

#: What one pass asks for takes no longer: pauses and priorities are heard between passes.
_PASS_S = 60.0

#: What an error means for the task. A request id may be burnt by a refusal, so it is not used
#: again; an answer that was lost leaves the task as it was, to be sent again with the same id.
_NOT_TAKEN: dict[Cause, type[TaskEvent]] = {
    Cause.MAYBE_STARTED: MaybeStarted,
    Cause.TRANSIENT: Unanswered,
}


@dataclass
class Submitter:
    """Sends tasks, and writes down what is answered."""

    context: StepContext
    earth_engine: EarthEngine
    tasks: Tasks
    gates: Gates
    request: Callable[[Task], Json | None]  #: the body; None if another version asked otherwise

    def in_a_pass(self, most: int) -> int:
        """Return of how many subjects the tasks are soon sent."""
        return int(min(most, max(1.0, self.earth_engine.exports_per_s * _PASS_S)))

    def submit(self, intended: Iterable[Task]) -> list[tuple[Task, Exception | None]]:
        """Send tasks; return each as it is then, with why it was not taken.

        After a refusal, the rest for the same store is not tried, and stays as it is.
        """
        due = [task for task in intended if task.state == TaskState.INTENDED]
        answers = self.context.each(
            due, self._send, unknown_too=True, apart=lambda task: task.destination.store
        )
        judged = self.gates.judge([tried(task, answer) for task, answer in answers])
        stores = (task.destination.store for task, _ in answers)
        self.gates.learn(zip(stores, judged, strict=True))
        moves = [
            TaskMove(task, _event(task, answer))
            for task, answer in answers
            if not isinstance(answer, NotTriedError)
        ]
        now = self.tasks.record(moves, self.context.clock())
        return [
            (now.get(task.id, task), verdict if isinstance(verdict, Exception) else None)
            for (task, _), verdict in zip(answers, judged, strict=True)
        ]

    def _send(self, task: Task) -> Operation:
        body = self.request(task)
        if body is None:  # the same id must not carry another body
            raise RemoteError(Cause.MAYBE_STARTED, "it was asked for in another form")
        return self.earth_engine.start(task.kind, body)


def _event(task: Task, answer: Operation | Exception) -> TaskEvent:
    """Return what an answer means for the task, and log it."""
    if isinstance(answer, Operation):
        log.info("export_started", asset=task.subject.name, operation=answer.id)
        return Started(operation=answer.id)
    log.warning("export_not_started", asset=task.subject.name, error=str(answer))
    remote = plain(answer)
    kind = Unanswered if isinstance(remote, BugError) else _NOT_TAKEN.get(remote.cause, Refused)
    return kind(str(remote), remote.cause)
