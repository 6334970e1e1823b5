"""Exports what jobs have planned into its place, once each, and sees that it is there.

The place is looked at before anything is asked: what bears the marks of this very result is made,
whatever answer was lost; anything else is never overwritten.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from geesync.adapters.executors.executor import plain
from geesync.adapters.google.earth_engine import EarthEngine
from geesync.domain.assets.asset import IMAGE_COLLECTION
from geesync.domain.assets.grid import Grid
from geesync.domain.assets.names import parent_of
from geesync.domain.derive.job import MARKS
from geesync.domain.derive.lifecycle import (
    DerivedDelayed,
    DerivedEvent,
    DerivedSetback,
    DerivedState,
    ExportIntended,
    NameTaken,
    ResultMade,
)
from geesync.domain.json import Json
from geesync.domain.tasks.exports import described_as, token_of
from geesync.domain.tasks.lifecycle import IN_FLIGHT, Succeeded, TaskState
from geesync.domain.tasks.refusals import NotTriedError
from geesync.domain.tasks.task import (
    Destination,
    DestinationKind,
    Subject,
    SubjectKind,
    TaskKind,
)
from geesync.errors import WORLDLY, BugError, Cause, RemoteError
from geesync.logger import get_logger
from geesync.steps.step import Tally, Workshop
from geesync.steps.tasks.brakes import Brakes
from geesync.steps.tasks.submitter import Submitter
from geesync.store.ledger.derivations import Derivations, Derived, DerivedMove
from geesync.store.tasks.task_rows import Intent, Task
from geesync.store.tasks.tasks import TaskMove, Tasks

log = get_logger()

_WAIT = timedelta(minutes=1)

Outcome = tuple[Derived, DerivedEvent | Exception | None]


@dataclass
class Deriver:
    """Takes results from planned to made."""

    name: ClassVar[str] = "deriver"

    workshop: Workshop
    earth_engine: EarthEngine
    derivations: Derivations
    tasks: Tasks
    submitter: Submitter
    brakes: Brakes
    ledger_id: str

    def run_once(self) -> Tally:
        """Write down the next exports, send those that wait, and follow those that run."""
        if not self.derivations.is_anything_left():
            return Tally()
        moved = self._intend() + self._follow()
        return Tally(moved=moved, busy=moved > 0)

    def _intend(self) -> int:
        room, held_by = self.brakes.export_room()
        if held_by:
            return 0
        due = self._within_their_jobs(self.submitter.room(room))
        answers = self.workshop.each(due, self._look)
        free = [result for result, answer in answers if answer is None]
        self._make_collections({parent_of(result.planned.target) for result in free})
        self.tasks.intend([self._intent(result) for result in free], self.workshop.clock())
        outcomes: list[Outcome] = [*answers, *((result, ExportIntended()) for result in free)]
        return self._record(outcomes)

    def _within_their_jobs(self, most: int) -> list[Derived]:
        """Return the next results for which their jobs have room."""
        under_way = self.derivations.exporting()
        taken: list[Derived] = []
        due = self.derivations.due(
            DerivedState.PLANNED, now=self.workshop.clock(), limit=self.workshop.chunk
        )
        for result in due:
            job = result.planned.job
            if len(taken) < most and under_way.get(job, 0) < result.planned.in_flight:
                under_way[job] = under_way.get(job, 0) + 1
                taken.append(result)
        return taken

    def _make_collections(self, names: Iterable[str]) -> None:
        for name in names:
            try:
                self.earth_engine.get_asset(name)
            except RemoteError as error:
                if error.cause != Cause.GONE:
                    raise
                self.earth_engine.create_asset(name, {"type": IMAGE_COLLECTION})
                log.info("collection_made", asset=name)

    def _look(self, result: Derived) -> DerivedEvent | None:
        """Return what is at a result's place; None if nothing is."""
        try:
            found = self.earth_engine.get_asset(result.planned.target)
        except RemoteError as error:
            if error.cause == Cause.GONE:
                return None
            raise
        told = result.planned
        ours = (told.job, told.source, told.revision, told.expression)
        if tuple(found.properties.get(mark) for mark in MARKS) != ours:
            return NameTaken("another asset has its name", cause=Cause.FOREIGN)
        grid = Grid.from_json(told.request["grid"])
        sizes = {(band.grid.width, band.grid.height) for band in found.bands}
        if sizes != {(grid.width, grid.height)}:
            return NameTaken(f"it came out as {sizes}", cause=Cause.INTEGRITY)
        return ResultMade()

    def _intent(self, result: Derived) -> Intent:
        earlier = self.tasks.of_subject(SubjectKind.DERIVED, [result.id])
        attempt = max((task.attempt for task in earlier), default=0) + 1
        told = result.planned
        identity = [told.job, told.source, told.revision, told.expression, told.target]
        token = token_of(["derived", self.ledger_id, *identity, attempt])
        return Intent(
            Subject(SubjectKind.DERIVED, result.id, told.target, told.revision),
            TaskKind.IMAGE_EXPORT,
            attempt,
            token,
            _body(told.request, token, told.target),
            Destination(DestinationKind.ASSET, told.target),
        )

    def _follow(self) -> int:
        due = self.derivations.due(
            DerivedState.EXPORTING, now=self.workshop.clock(), limit=self.workshop.chunk
        )
        found = self.tasks.of_subject(SubjectKind.DERIVED, [result.id for result in due])
        tasks = {task.subject.id: task for task in found}  # the last one of each
        self.submitter.submit(task for task in tasks.values() if task.state == TaskState.INTENDED)
        answers = self.workshop.each(due, lambda one: self._outcome(one, tasks.get(one.id)))
        done = [
            TaskMove(tasks[result.id], Succeeded())
            for result, answer in answers
            if isinstance(answer, ResultMade)
            and result.id in tasks
            and tasks[result.id].state == TaskState.RUNNING
        ]
        self.tasks.record(done, self.workshop.clock())
        return self._record(answers)

    def _outcome(self, result: Derived, task: Task | None) -> DerivedEvent | None:
        """Return what became of an export; None while it runs."""
        if task is None:
            return DerivedSetback("its export is not known any more")
        if task.state in IN_FLIGHT and task.ended_at is None:
            return None
        found = self._look(result)
        if found is not None:
            return found
        if task.state in IN_FLIGHT:
            return DerivedDelayed("the export has ended, and nothing is to be seen yet")
        return DerivedSetback(task.error or "the export ended", cause=task.cause or Cause.FAILED)

    def _record(self, outcomes: Iterable[Outcome]) -> int:
        moves = []
        for result, outcome in outcomes:
            if outcome is None or isinstance(outcome, NotTriedError):
                continue
            event = outcome if isinstance(outcome, DerivedEvent) else _failure(outcome)
            log.info(
                "derived_moved",
                target=result.planned.target,
                event_name=event.name,
                reason=event.reason or None,
            )
            moves.append(DerivedMove(result, event))
        return self.derivations.record(moves, self.workshop.clock())


def _body(request: Json, token: str, target: str) -> Json:
    return {**request, "requestId": f"geesync-{token}", "description": described_as(token, target)}


def _failure(error: Exception) -> DerivedEvent:
    """Return what a failure means: a bug of ours and the world's failures cost time only."""
    told = plain(error)
    if isinstance(told, BugError):
        log.error("bug", error=repr(error), exc_info=error)
    if isinstance(told, BugError) or told.cause in WORLDLY:
        asked = timedelta(seconds=min(told.retry_after_s or 0, 3600))
        return DerivedDelayed(str(told), cause=told.cause, wait=max(_WAIT, asked))
    return DerivedSetback(str(told), cause=told.cause)
