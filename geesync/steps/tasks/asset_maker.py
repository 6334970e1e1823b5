"""Makes assets by tasks, once each, and sees what came of it, whoever they are for.

A place is looked at before anything is asked: what bears our mark is ours, whatever answer was
lost; what does not is somebody else's, and is never overwritten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic

from geesync.adapters.earth_engine.earth_engine import EarthEngine
from geesync.domain.assets.asset import SourceAsset
from geesync.domain.json import Json
from geesync.domain.state_machine import (
    Delayed,
    Differs,
    Event,
    Made,
    Setback,
    TaskIntended,
    wait_for_world,
)
from geesync.domain.tasks.exports import described_as, token_of
from geesync.domain.tasks.lifecycle import (
    ASSETS,
    IN_FLIGHT,
    Destination,
    DestinationKind,
    GivenUp,
    Succeeded,
    TaskKind,
    TaskState,
)
from geesync.errors import Cause
from geesync.logger import get_logger
from geesync.steps.brakes.brakes import Brakes
from geesync.steps.step import StepContext, event_of, record_outcomes
from geesync.steps.tasks.submitter import Submitter
from geesync.store.making.making import AnyToMake, Making
from geesync.store.tasks.task_rows import Intent, Task
from geesync.store.tasks.tasks import TaskMove, Tasks

log = get_logger()


@dataclass(frozen=True)
class Ask:
    """What is asked for to make an asset."""

    kind: TaskKind
    identity: tuple[str, ...]  #: what identifies it, whichever ledger asks
    body: Json  #: of the request, but for its id and description; never with ``overwrite``


@dataclass
class AssetMaker(Generic[AnyToMake]):
    """Takes assets of one kind from what is ready to what is made."""

    context: StepContext
    earth_engine: EarthEngine
    making: Making[AnyToMake, Any]
    tasks: Tasks
    submitter: Submitter
    brakes: Brakes
    ledger_id: str
    ask: Callable[[AnyToMake], Ask]
    judge: Callable[[AnyToMake, SourceAsset], Event]  #: Made or Differs, of what is at its place

    def room(self) -> int:
        """Return how many more may be asked for now."""
        room, held_by = self.brakes.export_room()
        most = 0 if held_by else self.submitter.in_a_pass(room)
        return self.submitter.gates.room(ASSETS, most)

    def start(self, due: Iterable[AnyToMake]) -> int:
        """Write down the tasks of what is not there yet; return how many assets moved."""
        answers = self.context.each(due, self.look)
        free = [asset for asset, answer in answers if answer is None]
        tasks = self.tasks.of_subject(self.making.kind, [asset.id for asset in free])
        begun = self._begun(tasks)
        attempts = {task.subject.id: task.attempt for task in tasks}  # the last one of each
        new = [
            self._intent(asset, attempts.get(asset.id, 0) + 1)
            for asset in free
            if asset.id not in begun
        ]
        self.tasks.intend(new, self.context.clock())
        outcomes = [*answers, *((asset, TaskIntended()) for asset in free)]
        return record_outcomes(self.context, self.making, outcomes)

    def _begun(self, tasks: Sequence[Task]) -> set[int]:
        """Return whose task is on its way already: we were killed before they were moved.

        A task that ended well, and whose asset is not there any more, is of no use.
        """
        useless = [TaskMove(task, GivenUp()) for task in tasks if task.state == TaskState.SUCCEEDED]
        self.tasks.record(useless, self.context.clock())
        return {task.subject.id for task in tasks if task.state in IN_FLIGHT}

    def look(self, asset: AnyToMake) -> Event | None:
        """Return what is at an asset's place; None if nothing is."""
        found = self.earth_engine.find_asset(asset.target)
        return self.judge(asset, found) if found else None

    def _intent(self, asset: AnyToMake, attempt: int) -> Intent:
        ask = self.ask(asset)
        # By its row, too: what was given up, or vanished, may be asked for again.
        whose = (asset.subject.kind, self.ledger_id, asset.id)
        token = token_of([*whose, *ask.identity, attempt])
        named = {"requestId": f"geesync-{token}", "description": described_as(token, asset.target)}
        place = Destination(DestinationKind.ASSET, asset.target)
        return Intent(asset.subject, ask.kind, attempt, token, {**ask.body, **named}, place)

    def let_go(self) -> None:
        """Give up tasks of assets that were given up: those not sent, and those that ended."""
        unwanted = self.tasks.unwanted(self.making.kind, self.making.resting())
        self.tasks.record([TaskMove(task, GivenUp()) for task in unwanted], self.context.clock())

    def follow(self, due: list[AnyToMake]) -> int:
        """Send the tasks that wait, and see what became of the others; return what moved."""
        found = self.tasks.of_subject(self.making.kind, [asset.id for asset in due])
        tasks = {task.subject.id: task for task in found}  # the last one of each
        intended = [task for task in tasks.values() if task.state == TaskState.INTENDED]
        sent = self.submitter.submit(self.submitter.gates.let_through(intended, lambda _: ASSETS))
        unsent = {
            task.subject.id: event
            for task, error in sent
            if error and isinstance(event := event_of(error, Setback), Delayed)
        }
        causes: dict[int, list[Cause | None]] = {asset.id: [] for asset in due}
        for task in found:
            causes[task.subject.id].append(task.cause)

        def outcome(asset: AnyToMake) -> Event | None:
            if asset.id in unsent:
                return unsent[asset.id]
            return self._outcome(asset, tasks.get(asset.id), causes[asset.id])

        answers = self.context.each(due, outcome)
        done = [
            TaskMove(tasks[asset.id], Succeeded())
            for asset, answer in answers
            if isinstance(answer, Made)
            and asset.id in tasks
            and tasks[asset.id].state == TaskState.RUNNING
        ]
        self.tasks.record(done, self.context.clock())
        return record_outcomes(self.context, self.making, answers)

    def _outcome(
        self, asset: AnyToMake, task: Task | None, causes: Sequence[Cause | None]
    ) -> Event | None:
        """Return what became of a task; None while it runs. causes: why each of its tasks ended."""
        if task is None:
            return Setback("its task is not known any more")
        if task.state in IN_FLIGHT and task.ended_at is None:
            return None
        found = self.look(asset)
        ended_well = task.state in IN_FLIGHT
        if ended_well and isinstance(found, Differs) and found.cause == Cause.FOREIGN:
            # Nothing is overwritten, so what is there is the task's: not all keep their mark.
            return Made()
        if found is not None:
            return found
        if ended_well:
            return Delayed("its task has ended, and nothing is to be seen yet")
        wait = wait_for_world(causes)
        return Setback(task.error or "its task ended", cause=task.cause or Cause.FAILED, wait=wait)
