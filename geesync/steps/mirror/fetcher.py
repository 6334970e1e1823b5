"""Reads assets directly from Earth Engine to disk: no task, no bucket.

What was read is believed once Earth Engine still has the revision that it had before: then nothing
changed between two tiles.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from geesync.adapters.direct.brought import Brought, DiffersError
from geesync.adapters.direct.image_fetching import fetch_images
from geesync.adapters.direct.image_files import ImageJob
from geesync.adapters.direct.source import Source
from geesync.adapters.direct.table_fetching import TableJob, fetch_tables
from geesync.adapters.formats.npy import MisfitError
from geesync.domain.assets.asset import TABLE, SourceAsset
from geesync.domain.direct.choice import page_rows, readings_of
from geesync.domain.direct.readings import TooLargeError
from geesync.domain.failures.shared_failures import NotTriedError, Tried
from geesync.domain.mirror.lifecycle import Fetched, FetchFailed, State
from geesync.domain.state_machine import Event, Refused
from geesync.domain.tasks.exports import Way
from geesync.errors import Cause, RemoteError
from geesync.logger import get_logger
from geesync.steps.brakes.brakes import Brakes, DirectGauge
from geesync.steps.brakes.gate import Gate
from geesync.steps.mirror import transfers
from geesync.steps.mirror.fetch_jobs import Job, copy_of, landed, targets_of
from geesync.steps.mirror.transfers import Transfers, of_a_pass, settled
from geesync.steps.step import StepContext, Tally, event_of, unseen
from geesync.steps.tasks.planner import Planner
from geesync.steps.tasks.present import Revisions
from geesync.store.copies import fetched
from geesync.store.ledger.ledger import LedgerAsset, Move
from geesync.store.ledger.listing import Listing
from geesync.store.tasks.plans import KnownPlan
from geesync.store.tasks.task_rows import Lesson

log = get_logger()

Results = transfers.Results[Job]

#: Results are looked at together: so many at a time, or as many as there are after this time. A
#: page that tells the revisions of some tells those of a thousand.
_GROUP = 500
_LATE_S = 5.0


@dataclass
class Fetcher:
    """Reads discovered assets whose plan says so."""

    name: ClassVar[str] = "fetcher"

    context: StepContext
    source: Source
    planner: Planner
    fetched: fetched.Fetched
    revisions: Revisions
    listing: Listing
    brakes: Brakes
    gate: Gate
    gauge: DirectGauge
    transfers: Transfers[Job]
    share: float  #: of what comes is read a second time, 0 to 1
    patience_s: float = 10.0  #: a pass in which nothing comes for so long ends; it comes to a later

    def run_once(self) -> Tally:
        """Begin to read the next assets, as far as there is room; see what comes meanwhile."""
        try:
            moved, more, waiting = self._take_on()
            meanings: list[object] = []
            for group in self._groups():
                judged = self.gate.judge([_tried(job, result) for job, result in group])
                meanings += judged
                moved += self.conclude(list(zip((job for job, _ in group), judged, strict=True)))
        except BaseException:
            self.transfers.give_up()
            raise
        self.gate.learn(meanings)
        moved += self.context.excuse(self.gate.wronged_assets())
        busy = self.transfers.are_under_way or (more and not self.gate.reason)
        reasons = filter(None, [self.gate.reason or waiting, self.transfers.slow()])
        return Tally(moved=moved, busy=busy, waiting="; ".join(reasons))

    def _take_on(self) -> tuple[int, bool, str]:
        """Begin what there is room for.

        Returns how many assets moved, whether more could be begun, and what keeps some back.
        """
        if not self._due(1):
            if not self.transfers.are_under_way:
                self.context.executor.rest()  # and nobody asks how the brakes stand
            return 0, False, ""
        held_by = self.brakes.direct_hold()
        full_disks = self.brakes.full_disks()
        waiting = "; ".join(filter(None, [held_by, *full_disks.values()]))
        at_once = 0 if held_by else self.transfers.room
        due = self._due(self.gate.room(self.context.chunk) if at_once else 0, full_disks)
        if not due:
            return 0, False, waiting
        self.context.executor.require()
        jobs, moved = self._jobs(due)
        soon = of_a_pass(jobs, (job.size_bytes for job in jobs))
        begun = self._begin(soon, at_once) if jobs else 0
        return moved, len(due) == self.context.chunk or begun < len(jobs), waiting

    def _due(self, most: int, full_disks: Collection[str] = ()) -> list[LedgerAsset]:
        under_way = {job.asset.id for job in self.transfers.left}
        due = self.context.ledger.due(
            State.DISCOVERED,
            now=self.context.clock(),
            limit=most and most + len(under_way),
            not_in=full_disks,
            way=Way.DIRECT,
        )
        return [asset for asset in due if asset.id not in under_way][:most]

    def _begin(self, jobs: list[Job], at_once: int) -> int:
        """Begin the first ones, of one mirror and one kind; return how many they are."""
        dest, are_tables = _place(jobs[0])
        together = [job for job in jobs if _place(job) == (dest, are_tables)]
        fetch = fetch_tables if are_tables else fetch_images
        work = partial(fetch, self.source.part(at_once), dest)
        self.transfers.begin(dest, together, work, at_once)
        return len(together)

    def _groups(self) -> Iterator[Results]:
        """Yield what comes, in groups."""
        group: Results = []
        since = time.monotonic()
        for results in self.transfers.coming(self.patience_s):
            group += results
            if len(group) >= _GROUP or (group and time.monotonic() > since + _LATE_S):
                yield group
                group, since = [], time.monotonic()
        yield group

    def _jobs(self, due: list[LedgerAsset]) -> tuple[list[Job], int]:
        """Return what is to be read, and how many assets cannot be."""
        sources = self.context.ledger.sources_of(due)
        plans, unplanned = self.planner.renewed(due, sources, self.context.clock())
        jobs = []
        moves = [Move(asset, _event(unplanned[asset.id])) for asset in due if asset.id in unplanned]
        left: dict[int, str] = {}
        for asset in (asset for asset in due if asset.id not in unplanned):
            known = plans[asset.id]
            if known.plan.way != Way.DIRECT or not known.plan.parts:
                continue  # the exporter's
            if known.plan.left:
                left[asset.id] = "; ".join(known.plan.left)
            try:
                jobs.append(self.job(asset, known, sources[asset.id]))
            except TooLargeError:
                moves.append(Move(asset, _TOO_LARGE))
            except Exception as error:  # noqa: BLE001 # one asset's surprise must not stop others
                moves.append(Move(asset, _event(error)))
        self.context.ledger.leave_out(left)
        return jobs, self.context.record(moves)

    def job(self, asset: LedgerAsset, known: KnownPlan, source: SourceAsset) -> Job:
        """Return how an asset is read under its plan. Raises TooLargeError."""
        plan = known.plan
        targets = targets_of(
            asset, plan, lambda part: plan.token(asset.name, asset.revision, part.id)
        )
        work: ImageJob | TableJob
        if source.type == TABLE:
            files = tuple((target.file, target.token) for target in targets)
            work = TableJob(asset.name, asset.path, files, source.feature_count, page_rows(plan))
            size_bytes = source.size_bytes
        else:
            compress = self.planner.chosen(asset).compress
            work = ImageJob(
                *(asset.name, asset.revision, asset.path, targets),
                *(tuple(readings_of(plan, source)), compress, self.share),
                image=source.image if source.derived else "",
            )
            size_bytes = work.size_bytes
        return Job(asset, known, work, size_bytes)

    def conclude(self, results: Results) -> int:
        """Record what became of assets; what is on disk is durable and named before that."""
        brought = {
            job.asset.id: (job, result) for job, result in results if isinstance(result, Brought)
        }
        self.gauge.note(result for _, result in brought.values())
        failures: list[tuple[Job, Exception]] = [
            (job, result) for job, result in results if isinstance(result, Exception)
        ]
        files = [(job, file) for job, result in brought.values() for file in landed(job, result)]
        failures += [(job, error) for job, error in settled(files) if error is not None]
        failed = {job.asset.id for job, _ in failures}
        kept = {key: job for key, (job, _) in brought.items() if key not in failed}
        moves = []
        for asset, now in self.revisions.changed(job.asset for job in kept.values()):
            job = kept.pop(asset.id)
            if isinstance(now, SourceAsset):
                log.info("asset_changed_while_read", asset=asset.name)
                self.listing.observe(asset.root_id, [now], self.context.clock())
            elif isinstance(now, Exception):
                failures.append((job, now))
        self.fetched.put(
            [copy_of(*brought[key]) for key in kept],
            self.context.clock(),
            answers=sum(result.requests for _, result in brought.values()),
        )
        self._learn(failures)
        moves += [Move(job.asset, Fetched()) for job in kept.values()]
        moves += [
            Move(job.asset, _event(error))
            for job, error in failures
            if not isinstance(error, NotTriedError)
        ]
        return self.context.record(moves)

    def _learn(self, failures: Iterable[tuple[Job, Exception]]) -> None:
        """Remember what an answer was too small for, or what its pixels do not fit."""
        lessons = [
            Lesson(job.known.id, job.part_ids()[0], too_much=not isinstance(error, MisfitError))
            for job, error in failures
            if isinstance(error, RemoteError) and error.cause == Cause.PLAN
        ]
        if lessons:
            self.planner.plans.teach(lessons, self.context.clock())


_TOO_LARGE = Refused(
    "one block of one band is more than Earth Engine computes in one answer, and there is no bucket"
    " to export it to: configure one",
    cause=Cause.PLAN,
)


def _place(job: Job) -> tuple[str, bool]:
    """Return what jobs have in common that are begun together."""
    return job.asset.dest, isinstance(job.work, TableJob)


def _tried(job: Job, result: object) -> Tried:
    return Tried(job.asset.id, job.asset.name, "", result)


def _event(error: Exception) -> Event:
    if isinstance(error, DiffersError):
        return Refused(str(error), cause=Cause.INTEGRITY)
    if isinstance(error, RemoteError) and error.cause == Cause.GONE:
        return unseen(error)
    return event_of(error, FetchFailed)
