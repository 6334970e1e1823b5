"""Asks Earth Engine for exports: each part once, written down before it is asked.

Throttled by our operations in flight and by the project's whole queue, which other people use too.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar

from geesync.domain.assets.asset import SourceAsset
from geesync.domain.failures.shared_failures import NotTriedError
from geesync.domain.mirror.lifecycle import ExportFailed, ExportStarted, NothingToExport, State
from geesync.domain.mirror.plan import Plan
from geesync.domain.state_machine import Delayed, Event
from geesync.domain.tasks.exports import Part, Way
from geesync.domain.tasks.lifecycle import LIVE, TaskState
from geesync.errors import Cause, RemoteError
from geesync.steps.brakes.brakes import Brakes
from geesync.steps.step import StepContext, Tally, event_of
from geesync.steps.tasks.planner import NOTHING, Planner
from geesync.steps.tasks.submitter import Submitter
from geesync.store.ledger.ledger import LedgerAsset, Move
from geesync.store.tasks.plans import KnownPlan
from geesync.store.tasks.task_rows import Task
from geesync.store.tasks.tasks import Tasks

#: States of a task whose answer is known.
_KNOWN = {TaskState.RUNNING, TaskState.SUCCEEDED}


@dataclass
class _Job:
    """One asset of a pass: its plan and how its parts stand."""

    asset: LedgerAsset
    source: SourceAsset
    known: KnownPlan | None
    live: dict[str, Task] = field(default_factory=dict)  #: by part
    there: Collection[str] = ()  #: parts that need no task: their files are on disk
    failure: Exception | None = None
    unasked: bool = False  #: there was no room, or no use, to ask for all of its parts

    @property
    def plan(self) -> Plan:
        return self.known.plan if self.known else NOTHING

    @property
    def missing(self) -> list[Part]:
        begun = {*self.live, *self.there}
        return [part for part in self.plan.parts if part.id not in begun]

    def event(self) -> Event | None:
        if self.failure is not None:
            return event_of(self.failure, ExportFailed)
        if not self.plan.parts:
            return NothingToExport("; ".join(self.plan.left))
        states = {task.state for task in self.live.values()}
        if self.unasked or TaskState.INTENDED in states:  # or adopted while it was asked for
            return None
        if states <= _KNOWN:
            return ExportStarted()
        return event_of(RemoteError(Cause.MAYBE_STARTED, "waiting for a lost answer"), ExportFailed)


@dataclass
class Exporter:
    """Has exports of discovered assets begun, as many as there is room for."""

    name: ClassVar[str] = "exporter"

    context: StepContext
    submitter: Submitter
    tasks: Tasks
    planner: Planner
    brakes: Brakes

    def run_once(self) -> Tally:
        """Ask for the parts of the next assets; stop where there is no room."""
        room, held_by = self.brakes.export_room()
        full_disks = self.brakes.full_disks()
        gates, now = self.submitter.gates, self.context.clock()
        due = partial(self.context.ledger.due, State.DISCOVERED, way=Way.BUCKET)
        find = partial(due, now=now, not_in=full_disks)
        assets = gates.due(self.submitter.in_a_pass(self.context.chunk), find)
        if not assets:
            return Tally(waiting="; ".join([*gates.reasons(), *full_disks.values()]))
        jobs = gates.let_through(
            self._jobs(assets), lambda job: self.planner.store(job.asset, job.plan)
        )
        self._intend(jobs, room)
        self._submit(jobs)
        self.context.ledger.leave_out(
            {job.asset.id: "; ".join(job.plan.left) for job in jobs if job.plan.left}
        )
        moves = [Move(job.asset, event) for job in jobs if (event := job.event()) is not None]
        moved = self.context.record(moves)
        full = any(job.unasked for job in jobs if not self._is_halted(job))
        held = [held_by] if held_by and full else []
        progress = any(not isinstance(move.event, Delayed) for move in moves)
        return Tally(
            moved=moved,
            busy=(progress or len(jobs) < len(assets)) and not full,
            waiting="; ".join([*gates.reasons(), *held, *full_disks.values()]),
        )

    def _is_halted(self, job: _Job) -> bool:
        store = self.planner.store(job.asset, job.plan)
        return store in self.submitter.gates.closed()

    def _jobs(self, assets: list[LedgerAsset]) -> list[_Job]:
        now = self.context.clock()
        sources = self.context.ledger.sources_of(assets)
        plans, unplanned = self.planner.renewed(assets, sources, now)
        live, there = self.tasks.of(plans), self.planner.plans.parts_there(plans)
        return [
            _Job(
                asset,
                sources[asset.id],
                plans.get(asset.id),
                {task.part_id: task for task in live.get(asset.id, ())},
                there.get(asset.id, ()),
                unplanned.get(asset.id),
            )
            for asset in assets
            if asset.id not in plans or plans[asset.id].plan.way != Way.DIRECT
        ]

    def _intend(self, jobs: list[_Job], room: int) -> None:
        """Write down what is to be asked for."""
        wanted: list[tuple[_Job, KnownPlan, Part]] = []
        for job in jobs:
            missing = job.missing
            most = room - len(wanted)
            taken = missing[: min(most, 1) if self._is_halted(job) else most]
            wanted += [(job, job.known, part) for part in taken if job.known and not job.failure]
            job.unasked = len(taken) < len(missing)
        attempts = self.tasks.attempts({job.asset.id for job, _, _ in wanted})
        intents = []
        for job, known, part in wanted:
            earlier = attempts.get((job.asset.id, part.id), 0)
            try:
                intents.append(
                    self.planner.intent(job.asset, known, part, job.source, attempts=earlier)
                )
            except Exception as error:  # noqa: BLE001 # one asset's surprise must not stop others
                job.failure = error
        by_id = {job.asset.id: job for job in jobs}
        for task in self.tasks.intend(intents, self.context.clock()):
            by_id[task.subject.id].live[task.part_id] = task

    def _submit(self, jobs: list[_Job]) -> None:
        """Send what is written down, now or earlier."""
        by_id = {job.asset.id: job for job in jobs}
        sent = self.submitter.submit(task for job in jobs for task in job.live.values())
        for task, failure in sent:
            job = by_id[task.subject.id]
            job.live[task.part_id] = task
            if isinstance(failure, NotTriedError):
                job.unasked = True
            elif failure is not None:
                job.failure = failure
            if task.state not in LIVE:
                del job.live[task.part_id]
