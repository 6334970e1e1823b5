"""Brings every byte of an asset's objects to disk, durable and equal to the bucket's by CRC32C."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Future
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, ClassVar

from geesync.adapters.fetching import Fetch, Line, fetch, fetch_durably
from geesync.adapters.folders import Folders
from geesync.adapters.mirror import MARKER, free_bytes, is_mirror
from geesync.adapters.together import WORTH_IT_FROM, Landed, Together, settle_alone
from geesync.domain.lifecycle import DownloadFinished, Event, StagedCopyLost, State
from geesync.errors import WORLDLY, RemoteError
from geesync.steps.brakes import Limits
from geesync.steps.gate import Gate, NotTriedError
from geesync.steps.step import Tally, Workshop, event_of, is_small
from geesync.store.exports import Exports
from geesync.store.ledger import LedgerAsset, Move
from geesync.store.staging import Staged, Staging

Wanted = tuple[LedgerAsset, Staged]


@dataclass
class Downloader:
    """Downloads assets whose objects are all in the bucket."""

    name: ClassVar[str] = "downloader"

    workshop: Workshop
    line: Line
    exports: Exports
    staging: Staging
    limits: Limits
    gate: Gate
    at_once: int  #: objects on their way at a time

    def run_once(self) -> Tally:
        """Download the objects of the next assets, many at a time."""
        now = self.workshop.clock()
        chunk = self.gate.room(self.workshop.chunk)
        due = self.workshop.ledger.due(State.IN_BUCKET, now=now, limit=chunk)
        if due:
            self.workshop.hands.require()
        staged = self.staging.staged([asset.id for asset in due])
        wanted = [(asset, obj) for asset in due for obj in staged[asset.id] if not obj.landed]
        fitting, waiting = self._fitting(wanted)
        answers = self._fetched(fitting)
        self.gate.learn([answer for _, answer in answers])
        failures: dict[int, Exception] = {}
        lost: dict[int, RemoteError] = {}
        landed = []
        for (asset, obj), answer in answers:
            if isinstance(answer, Exception):
                failures.setdefault(asset.id, answer)
                if isinstance(answer, RemoteError) and answer.cause not in WORLDLY:
                    lost[obj.export.id] = answer
            else:
                landed.append(obj.id)
        self.staging.mark("landed_at", landed, self.workshop.clock())
        self.exports.disprove(lost, self.workshop.clock())
        left_out = {asset.id for asset, _ in wanted} - {asset.id for asset, _ in fitting}
        moves = [
            Move(asset, self._event(failures.get(asset.id)))
            for asset in due
            if asset.id not in left_out and not isinstance(failures.get(asset.id), NotTriedError)
        ]
        moved = self.workshop.record(moves)
        waiting = self.gate.reason or waiting
        return Tally(
            moved=moved, busy=len(due) == self.workshop.chunk and not waiting, waiting=waiting
        )

    def _fitting(self, wanted: list[Wanted]) -> tuple[list[Wanted], str]:
        """Return what the disks have room for, whole assets only, and what keeps the rest back."""
        room: dict[str, int] = {}
        sizes: dict[int, int] = defaultdict(int)
        for asset, staged in wanted:
            sizes[asset.id] += staged.obj.size_bytes
        fitting: set[int] = set()
        waiting = ""
        for asset_id, dest in {asset.id: asset.dest for asset, _ in wanted}.items():
            if dest not in room:
                room[dest] = (
                    free_bytes(Path(dest)) - self.limits.reserve_bytes
                    if is_mirror(Path(dest))
                    else 0
                )
            if sizes[asset_id] <= room[dest]:
                room[dest] -= sizes[asset_id]
                fitting.add(asset_id)
            else:
                waiting = f"{dest} has no room, or is no mirror ({MARKER} is missing)"
        return [pair for pair in wanted if pair[0].id in fitting], waiting

    def _fetched(self, wanted: list[Wanted]) -> list[tuple[Wanted, object]]:
        """Bring objects to disk; return what failed, for each, or something else."""
        if not self.workshop.is_alone:
            return [*self.workshop.each(wanted, self._fetch_elsewhere)]
        with ExitStack() as open_disks:
            folders = {
                dest: open_disks.enter_context(closing(Folders(Path(dest))))
                for dest in {asset.dest for asset, _ in wanted}
            }
            together = {
                dest: open_disks.enter_context(Together(folders[dest]))
                for dest in _with_many_small(wanted)
            }
            answers = self.workshop.each_on_wire(
                wanted,
                partial(self._fetch, folders, together),
                at_once=self.at_once,
                # Of large objects one thread writes while the other takes what came; small ones
                # are Python's work, of which two threads do no more than one.
                threads=1 if all(is_small([staged]) for _, staged in wanted) else 2,
            )
            settled = [_settled_together(disk, dest, answers) for dest, disk in together.items()]
            return [*_settled_alone(answers), *chain.from_iterable(settled)]

    async def _fetch(
        self, folders: Mapping[str, Folders], together: Collection[str], wanted: Wanted
    ) -> Landed | Future[None]:
        """Bring an object to disk; return it, to be settled with others, or its settling."""
        asset, staged = wanted
        alone = asset.dest not in together or not is_small([staged])
        job = _job(wanted)
        name = await fetch(job, self.line, folders[asset.dest])
        landed = Landed(asset.path, name, staged.file, job.token)
        if not alone:
            return landed
        return self.workshop.pool.submit(settle_alone, folders[asset.dest], landed, durable=False)

    def _fetch_elsewhere(self, wanted: Wanted) -> None:
        asset, staged = wanted
        job = _job(wanted)
        (name,) = self.workshop.hand_over([partial(fetch_durably, job, self.line)])
        landed = Landed(asset.path, name, staged.file, job.token)
        with closing(Folders(Path(asset.dest))) as folders:
            settle_alone(folders, landed, durable=True)

    def _event(self, failure: Exception | None) -> Event:
        return event_of(failure, StagedCopyLost) if failure else DownloadFinished()


def _job(wanted: Wanted) -> Fetch:
    asset, staged = wanted
    bucket, token = staged.export.bucket, staged.export.token
    return Fetch(asset.dest, asset.path, staged.file, token, bucket, staged.obj)


def _with_many_small(wanted: list[Wanted]) -> list[str]:
    """Return the mirrors whose small files are worth being made durable together."""
    small = Counter(asset.dest for asset, staged in wanted if is_small([staged]))
    return [dest for dest, count in small.items() if count >= WORTH_IT_FROM]


def _settled_alone(answers: list[tuple[Wanted, Any]]) -> Iterator[tuple[Wanted, object]]:
    """Wait for those that are settled one by one, and pass on what failed."""
    for one, answer in answers:
        if isinstance(answer, Future):
            yield one, answer.exception()
        elif isinstance(answer, Exception):
            yield one, answer


def _settled_together(
    disk: Together, dest: str, answers: list[tuple[Wanted, Any]]
) -> Iterator[tuple[Wanted, object]]:
    landed = [
        (one, answer)
        for one, answer in answers
        if isinstance(answer, Landed) and one[0].dest == dest
    ]
    failures = disk.settle([answer for _, answer in landed])
    return zip((one for one, _ in landed), failures, strict=True)
