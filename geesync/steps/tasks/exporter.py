"""Asks Earth Engine for exports: each part once, written down before it is asked.

Throttled by our operations in flight and by the project's whole queue, which other people use too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

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
from geesync.domain.tasks.operations import Operation
from geesync.domain.tasks.refusals import NotTriedError
from geesync.errors import BugError, Cause, RemoteError
from geesync.logger import get_logger
from geesync.steps.step import Tally, Workshop, event_of
from geesync.steps.tasks.brakes import Brakes
from geesync.steps.tasks.gate import Gate
from geesync.steps.tasks.planner import Planner
from geesync.store.ledger.exports import Export, Exports, Intent, part_id
from geesync.store.ledger.ledger import LedgerAsset, Move

log = get_logger()

#: What one pass asks for takes no longer: pauses and priorities are heard between passes.
_PASS_S = 60.0

#: States of an export whose answer is known.
_KNOWN = ("running", "succeeded")

#: What a refusal makes of the export. A request id may be burnt by a refusal, so it is not used
#: again; an answer that was lost leaves the export as it was, to be asked again with the same id.
_REFUSED = {
    Cause.MAYBE_STARTED: "unclear",
    Cause.TRANSIENT: "intended",
}


@dataclass
class _Job:
    """One asset of a pass: its plan and how its parts stand."""

    asset: LedgerAsset
    plan: Plan
    live: dict[str, Export]
    failure: Exception | None = None
    unasked: bool = False  #: there was no room, or no use, to ask for all of its parts

    @property
    def missing(self) -> list[Part]:
        return [part for part in self.plan.parts if part_id(part) not in self.live]

    def unwanted(self) -> list[Export]:
        """Take out what is live of other plans than this, and return it."""
        strange = {key: export for key, export in self.live.items() if not self._wants(export)}
        self.live = {key: self.live[key] for key in self.live.keys() - strange.keys()}
        return list(strange.values())

    def _wants(self, export: Export) -> bool:
        return export.part in self.plan.parts

    def event(self) -> Event | None:
        if not self.plan.parts:
            return NothingToExport("; ".join(self.plan.left))
        if self.failure is not None:
            return event_of(self.failure, ExportFailed)
        if self.unasked:
            return None
        if all(export.state in _KNOWN for export in self.live.values()):
            return ExportStarted()
        return event_of(RemoteError(Cause.MAYBE_STARTED, "waiting for a lost answer"), ExportFailed)


@dataclass
class Exporter:
    """Starts exports of discovered assets, as many as there is room for."""

    name: ClassVar[str] = "exporter"

    workshop: Workshop
    earth_engine: EarthEngine
    exports: Exports
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
        self._drop([export for job in jobs for export in job.unwanted()])
        return jobs

    def _drop(self, unwanted: list[Export]) -> None:
        """Give up on exports of parts that the plan has no longer."""
        now = self.workshop.clock()
        self.exports.update(
            {export.id: {"state": "abandoned", "ended_at": now} for export in unwanted}
        )

    def _intend(self, jobs: list[_Job], room: int) -> list[tuple[_Job, Export]]:
        """Write down what is to be asked; return it, with what was written down earlier."""
        wanted: list[tuple[_Job, Part]] = []
        for job in jobs:
            missing = job.missing
            taken = missing[: room - len(wanted)]
            wanted += [(job, part) for part in taken]
            job.unasked = len(taken) < len(missing)
        attempts = self.exports.attempts({job.asset.id for job, _ in wanted})
        intents = [
            self._intent(job.asset, part, attempts.get((job.asset.id, part_id(part)), 0) + 1)
            for job, part in wanted
        ]
        self.exports.intend(intents, self.workshop.clock())
        self._refresh(jobs)
        return [
            (job, export)
            for job in jobs
            for export in job.live.values()
            if export.state == "intended"
        ]

    def _intent(self, asset: LedgerAsset, part: Part, attempt: int) -> Intent:
        ask = self.planner.ask(asset, part, revision=asset.revision, attempt=attempt)
        prefix = staged_prefix(ask.token, asset.path, part.key)
        body = request_body(ask, bucket=asset.bucket, prefix=prefix)
        return Intent(asset.id, ask, body_hash(body), asset.bucket, prefix)

    def _ask(self, asked: list[tuple[_Job, Export]]) -> None:
        answers = self.workshop.each(asked, self._start)
        self.gate.learn([answer for _, answer in answers])
        changes: dict[int, dict[str, Any]] = {}
        for (job, export), answer in answers:
            if isinstance(answer, NotTriedError):
                job.unasked = True
                continue
            if isinstance(answer, Exception):
                job.failure = answer
            changes[export.id] = self._told(job, answer)
        self.exports.update(changes)
        self._refresh([job for job, _ in asked])

    def _told(self, job: _Job, answer: Operation | Exception) -> dict[str, Any]:
        """Return what an answer means for the export's row, and tell the log."""
        change = _change(answer)
        now = self.workshop.clock()
        if isinstance(answer, Operation):
            log.info("export_started", asset=job.asset.name, operation=answer.id)
        else:
            log.warning("export_not_started", asset=job.asset.name, error=str(answer))
            # From now on, not from the first time: this ask may be the one that was taken.
            change["intended_at"] = now
        if change["state"] not in {*_KNOWN, *_REFUSED.values()}:
            change["ended_at"] = now
        return change

    def _refresh(self, jobs: list[_Job]) -> None:
        by_id = {job.asset.id: job for job in jobs}
        for asset_id, exports in self.exports.of(by_id).items():
            by_id[asset_id].live = {part_id(export.part): export for export in exports}

    def _start(self, asked: tuple[_Job, Export]) -> Operation:
        job, export = asked
        body = self.planner.request(job.asset, export)
        if body is None:  # the same id must not carry another body
            raise RemoteError(Cause.MAYBE_STARTED, "it was asked for in another form")
        return self.earth_engine.start_export(body)


def _change(answer: Operation | Exception) -> dict[str, Any]:
    if isinstance(answer, Operation):
        return {"state": "running", "operation": answer.id}
    told = plain(answer)
    state = "intended" if isinstance(told, BugError) else _REFUSED.get(told.cause, "refused")
    return {"state": state, "cause": told.cause, "error": str(told)}
