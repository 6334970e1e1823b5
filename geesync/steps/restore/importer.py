"""Has Earth Engine ingest what is staged, once, and sees what came of it.

The target is looked at before anything is asked: what bears our mark is ours, whatever answer was
lost; what does not is somebody else's, and is never overwritten.
"""

from __future__ import annotations

from dataclasses import dataclass

from geesync.adapters.google.earth_engine import EarthEngine
from geesync.domain.restore.lifecycle import (
    Differs,
    ImportStarted,
    Made,
    RestoreDelayed,
    RestoreEvent,
    RestoreSetback,
    RestoreState,
)
from geesync.domain.restore.manifests import MARK
from geesync.domain.restore.requests import kind_of, request, token
from geesync.domain.tasks.lifecycle import IN_FLIGHT, Succeeded, TaskState
from geesync.domain.tasks.task import Destination, DestinationKind, Subject, SubjectKind
from geesync.errors import Cause, RemoteError
from geesync.steps.restore.outcomes import restore_moves
from geesync.steps.step import Workshop
from geesync.steps.tasks.brakes import Brakes
from geesync.steps.tasks.submitter import Submitter
from geesync.store.ledger.restores import Restored, Restores
from geesync.store.tasks.task_rows import Intent, Task
from geesync.store.tasks.tasks import TaskMove, Tasks


@dataclass
class Importer:
    """Takes what is staged to restored."""

    workshop: Workshop
    earth_engine: EarthEngine
    restores: Restores
    tasks: Tasks
    submitter: Submitter
    brakes: Brakes
    ledger_id: str

    def run_once(self) -> int:
        """Write down the next ingestions, send those that wait, and follow those that run."""
        return self._intend() + self._follow()

    def _intend(self) -> int:
        room, _ = self.brakes.export_room()
        due = self.restores.due(
            RestoreState.STAGED, now=self.workshop.clock(), limit=self.submitter.room(room)
        )
        answers = self.workshop.each(due, self._look)
        free = [asset for asset, answer in answers if answer is None]
        self.tasks.intend([self._intent(asset) for asset in free], self.workshop.clock())
        started: list[tuple[Restored, RestoreEvent | Exception | None]] = [
            *answers,
            *((asset, ImportStarted()) for asset in free),
        ]
        return self.restores.record(restore_moves(started), self.workshop.clock())

    def _look(self, asset: Restored) -> RestoreEvent | None:
        """Return what is at the target; None if nothing is."""
        try:
            found = self.earth_engine.get_asset(asset.wanted.target)
        except RemoteError as error:
            if error.cause == Cause.GONE:
                return None
            raise
        if found.properties.get(MARK) == asset.wanted.mark:
            return Made()
        return Differs("another asset has its name", cause=Cause.FOREIGN)

    def _intent(self, asset: Restored) -> Intent:
        earlier = self.tasks.of_subject(SubjectKind.RESTORE, [asset.id])
        attempt = max((task.attempt for task in earlier), default=0) + 1
        told = token(self.ledger_id, asset.wanted.mark, attempt)
        kind = kind_of(asset.wanted.type)
        assert asset.manifest is not None  # it was staged
        return Intent(
            Subject(SubjectKind.RESTORE, asset.id, asset.wanted.target, asset.wanted.revision),
            kind,
            attempt,
            told,
            request(kind, asset.manifest, told, asset.wanted.target),
            Destination(DestinationKind.ASSET, asset.wanted.target),
        )

    def _follow(self) -> int:
        due = self.restores.due(
            RestoreState.IMPORTING, now=self.workshop.clock(), limit=self.workshop.chunk
        )
        tasks = self._latest(due)
        self.submitter.submit(task for task in tasks.values() if task.state == TaskState.INTENDED)
        answers = self.workshop.each(due, lambda asset: self._outcome(asset, tasks.get(asset.id)))
        now = self.workshop.clock()
        self.tasks.record(
            [
                TaskMove(tasks[asset.id], Succeeded())
                for asset, answer in answers
                if isinstance(answer, Made)
                and asset.id in tasks
                and tasks[asset.id].state == TaskState.RUNNING
            ],
            now,
        )
        return self.restores.record(restore_moves(answers), now)

    def _latest(self, due: list[Restored]) -> dict[int, Task]:
        """Return the last task of each asset."""
        found = self.tasks.of_subject(SubjectKind.RESTORE, [asset.id for asset in due])
        return {task.subject.id: task for task in found}

    def _outcome(self, asset: Restored, task: Task | None) -> RestoreEvent | None:
        """Return what became of an ingestion; None while it runs."""
        if task is None:
            return RestoreSetback("its ingestion is not known any more")
        if task.state in IN_FLIGHT and task.ended_at is None:
            return None
        found = self._look(asset)
        if found is not None:
            return found
        if task.state in IN_FLIGHT:
            return RestoreDelayed("the ingestion has ended, and nothing is to be seen yet")
        return RestoreSetback(task.error or "the ingestion ended", cause=task.cause or Cause.FAILED)
