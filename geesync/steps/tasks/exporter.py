"""Asks Earth Engine for exports: each part once, written down before it is asked.

Throttled by our operations in flight and by the project's whole queue, which other people use too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from geesync.adapters.executors.executor import plain
from geesync.adapters.google.earth_engine import EarthEngine
from geesync.domain.mirror.layout import staged_prefix
from geesync.domain.mirror.lifecycle import (
    Delayed,
    Event,
    ExportFailed,
    ExportStarted,
    NothingToExport,
    State,
)
from geesync.domain.mirror.planning import Plan
from geesync.domain.tasks.exports import Part, body_hash, request_body
from geesync.domain.tasks.lifecycle import (
    GivenUp,
    MaybeStarted,
    Refused,
    Started,
    TaskEvent,
    TaskState,
    Unanswered,
)
from geesync.domain.tasks.operations import Operation
from geesync.domain.tasks.refusals import NotTriedError
from geesync.errors import BugError, Cause, RemoteError
from geesync.logger import get_logger
from geesync.steps.step import Tally, Workshop, event_of
from geesync.steps.tasks.brakes import Brakes
from geesync.steps.tasks.gate import Gate
from geesync.steps.tasks.planner import Planner
from geesync.store.ledger.ledger import LedgerAsset, Move
from geesync.store.ledger.tasks import Intent, Task, TaskMove, Tasks, part_id

log = get_logger()

#: What one pass asks for takes no longer: pauses and priorities are heard between passes.
_PASS_S = 60.0

#: States of an export whose answer is known.
_KNOWN = (TaskState.RUNNING, TaskState.SUCCEEDED)

#: What an error means for the task. A request id may be burnt by a refusal, so it is not used
#: again; an answer that was lost leaves the task as it was, to be sent again with the same id.
_NOT_TAKEN: dict[Cause, type[TaskEvent]] = {
    Cause.MAYBE_STARTED: MaybeStarted,
    Cause.TRANSIENT: Unanswered,
}


@dataclass
class _Job:
    """One asset of a pass: its plan and how its parts stand."""

    asset: LedgerAsset
    plan: Plan
    live: dict[str, Task]
    failure: Exception | None = None
    unasked: bool = False  #: there was no room, or no use, to ask for all of its parts

    @property
    def missing(self) -> list[Part]:
        return [part for part in self.plan.parts if part_id(part) not in self.live]

    def unwanted(self) -> list[Task]:
        """Take out what is live of other plans than this, and return it."""
        strange = {key: task for key, task in self.live.items() if not self._wants(task)}
        self.live = {key: self.live[key] for key in self.live.keys() - strange.keys()}
        return list(strange.values())

    def _wants(self, task: Task) -> bool:
        return task.part in self.plan.parts

    def event(self) -> Event | None:
        if not self.plan.parts:
            return NothingToExport("; ".join(self.plan.left))
        if self.failure is not None:
            return event_of(self.failure, ExportFailed)
        if self.unasked:
            return None
        if all(task.state in _KNOWN for task in self.live.values()):
            return ExportStarted()
        return event_of(RemoteError(Cause.MAYBE_STARTED, "waiting for a lost answer"), ExportFailed)


@dataclass
class Exporter:
    """Starts exports of discovered assets, as many as there is room for."""

    name: ClassVar[str] = "exporter"

    workshop: Workshop
    earth_engine: EarthEngine
    tasks: Tasks
    planner: Planner
    brakes: Brakes
    gate: Gate

    def run_once(self) -> Tally:
        """Ask for the parts of the next assets; stop where there is no room."""
        room, held_by = self.brakes.export_room()
        full_disks = self.brakes.full_disks()
        assets = self.workshop.ledger.due(
            State.DISCOVERED,
            now=self.workshop.clock(),
            limit=self.gate.room(self._soon()),
            not_in=full_disks,
        )
        if not assets:
            return Tally(waiting="; ".join([*self._refusal(), *full_disks.values()]))
        jobs = self._jobs(assets)
        asked = self._intend(jobs, room)
        self._ask(asked)
        self.workshop.ledger.leave_out(
            {job.asset.id: "; ".join(job.plan.left) for job in jobs if job.plan.left}
        )
        moves = [Move(job.asset, event) for job in jobs if (event := job.event()) is not None]
        moved = self.workshop.record(moves)
        full = any(job.unasked for job in jobs)
        held = [held_by or "no room for more operations"] if full else []
        progress = any(not isinstance(move.event, Delayed) for move in moves)
        return Tally(
            moved=moved,
            busy=progress and not full and not self.gate.reason,
            waiting="; ".join([*self._refusal(), *held, *full_disks.values()]),
        )

    def _soon(self) -> int:
        """Return how many assets to take: as many as are soon asked for."""
        in_a_pass = max(1.0, self.earth_engine.exports_per_s * _PASS_S)
        return int(min(self.workshop.chunk, in_a_pass))

    def _refusal(self) -> list[str]:
        return [self.gate.reason] if self.gate.reason else []

    def _jobs(self, assets: list[LedgerAsset]) -> list[_Job]:
        plans = self.planner.plans(assets, self.workshop.ledger.sources_of(assets))
        jobs = [_Job(asset, plans[asset.id], {}) for asset in assets]
        self._refresh(jobs)
        self._drop([task for job in jobs for task in job.unwanted()])
        return jobs

    def _drop(self, unwanted: list[Task]) -> None:
        """Give up on exports of parts that the plan has no longer."""
        self.tasks.record([TaskMove(task, GivenUp()) for task in unwanted], self.workshop.clock())

    def _intend(self, jobs: list[_Job], room: int) -> list[tuple[_Job, Task]]:
        """Write down what is to be asked; return it, with what was written down earlier."""
        wanted: list[tuple[_Job, Part]] = []
        for job in jobs:
            missing = job.missing
            taken = missing[: room - len(wanted)]
            wanted += [(job, part) for part in taken]
            job.unasked = len(taken) < len(missing)
        attempts = self.tasks.attempts({job.asset.id for job, _ in wanted})
        intents = [
            self._intent(job.asset, part, attempts.get((job.asset.id, part_id(part)), 0) + 1)
            for job, part in wanted
        ]
        self.tasks.intend(intents, self.workshop.clock())
        self._refresh(jobs)
        return [
            (job, task)
            for job in jobs
            for task in job.live.values()
            if task.state == TaskState.INTENDED
        ]

    def _intent(self, asset: LedgerAsset, part: Part, attempt: int) -> Intent:
        ask = self.planner.ask(asset, part, revision=asset.revision, attempt=attempt)
        prefix = staged_prefix(ask.token, asset.path, part.key)
        body = request_body(ask, bucket=asset.bucket, prefix=prefix)
        return Intent(asset.id, ask, body_hash(body), asset.bucket, prefix)

    def _ask(self, asked: list[tuple[_Job, Task]]) -> None:
        answers = self.workshop.each(asked, self._start)
        self.gate.learn([answer for _, answer in answers])
        moves = []
        for (job, task), answer in answers:
            if isinstance(answer, NotTriedError):
                job.unasked = True
                continue
            if isinstance(answer, Exception):
                job.failure = answer
            moves.append(TaskMove(task, _event(job.asset, answer)))
        self.tasks.record(moves, self.workshop.clock())
        self._refresh([job for job, _ in asked])

    def _refresh(self, jobs: list[_Job]) -> None:
        by_id = {job.asset.id: job for job in jobs}
        for asset_id, tasks in self.tasks.of(by_id).items():
            by_id[asset_id].live = {part_id(task.part): task for task in tasks}

    def _start(self, asked: tuple[_Job, Task]) -> Operation:
        job, task = asked
        body = self.planner.request(job.asset, task)
        if body is None:  # the same id must not carry another body
            raise RemoteError(Cause.MAYBE_STARTED, "it was asked for in another form")
        return self.earth_engine.start_export(body)


def _event(asset: LedgerAsset, answer: Operation | Exception) -> TaskEvent:
    """Return what an answer means for the task, and tell the log."""
    if isinstance(answer, Operation):
        log.info("export_started", asset=asset.name, operation=answer.id)
        return Started(operation=answer.id)
    log.warning("export_not_started", asset=asset.name, error=str(answer))
    told = plain(answer)
    kind = Unanswered if isinstance(told, BugError) else _NOT_TAKEN.get(told.cause, Refused)
    return kind(str(told), told.cause)
