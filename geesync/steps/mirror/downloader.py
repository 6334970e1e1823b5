"""Brings every byte of an asset's objects to disk, durable and equal to the bucket's by CRC32C.

For each object, in this order: its bytes are fetched into a file and summed as they come; the file
is synced; it gets the name that says it is unproved, and that is synced; the ledger notes it as
landed. With its last object an asset is downloaded.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import ClassVar

from geesync.adapters.fetching.fetching import Fetch, Line, fetch_all
from geesync.adapters.mirror_files.folders import Folders
from geesync.adapters.mirror_files.group_sync import Landed, settle
from geesync.adapters.mirror_files.mirror import free_bytes
from geesync.adapters.storage.stores import Stores
from geesync.domain.failures.refusals import NotTriedError
from geesync.domain.failures.shared_failures import Tried
from geesync.domain.mirror.lifecycle import DownloadFailed, DownloadFinished, StagedCopyLost, State
from geesync.domain.setbacks import Event
from geesync.domain.tasks.task import store_of
from geesync.errors import Cause, RemoteError
from geesync.steps.brakes.brakes import Limits
from geesync.steps.brakes.gates import Gates
from geesync.steps.step import Tally, Workshop, event_of
from geesync.store.copies.staging import Staged, Staging
from geesync.store.ledger.ledger import LedgerAsset, Move

#: What one pass fetches, about: what was asked for meanwhile has its turn after that.
_PASS_BYTES = 4 * 1024**3

#: Bytes that came wrong so often, minutes and hours apart, are wrong in the bucket.
_DOUBTS = 3

Wanted = tuple[LedgerAsset, Staged]

#: An object, and why it was not fetched; of what was, anything else.
Result = tuple[Wanted, object]

#: What keeps assets from being downloaded, by id; nothing happened to those that were not tried.
Failures = dict[int, Event | None]


@dataclass
class Downloader:
    """Downloads assets whose objects are all in the bucket."""

    name: ClassVar[str] = "downloader"

    workshop: Workshop
    line: Line
    stores: Stores
    staging: Staging
    limits: Limits
    gates: Gates
    at_once: int  #: objects on their way at a time

    def run_once(self) -> Tally:
        """Download the objects of the next assets, many at a time."""
        find = partial(self.workshop.ledger.due, State.IN_BUCKET, now=self.workshop.clock())
        due = self.gates.due(self.workshop.chunk, find)
        if not due:
            self.workshop.executor.rest()
            return Tally(waiting="; ".join(self.gates.told()))
        self.workshop.executor.require()
        staged = self.staging.staged([asset.id for asset in due])
        is_full = len(due) >= self.workshop.chunk
        due = _soon(due, staged)
        wanted = [(asset, obj) for asset in due for obj in staged[asset.id] if not obj.landed]
        fitting, waiting = self._fitting(wanted)
        pending = Counter(asset.id for asset, _ in wanted)
        moved = self._record([asset for asset in due if asset.id not in pending], {})
        failures: Failures = {}
        meanings: list[tuple[str, object]] = []
        with closing(self._fetched(fitting)) as groups:
            for results in groups:
                meanings += self._note(results, failures)
                pending.subtract(asset.id for (asset, _), _ in results)
                moved += self._record(_ended(results, pending), failures)
        self.gates.learn(meanings)
        moved += self.workshop.excuse(self.gates.wronged_assets())
        is_full = is_full or len(due) < len(staged)
        told = "; ".join([*self.gates.told(), *([waiting] if waiting else [])])
        return Tally(moved=moved, busy=is_full and moved > 0 and not waiting, waiting=told)

    def _note(self, results: list[Result], failures: Failures) -> list[tuple[str, object]]:
        """Note what became of objects, and what failed, by asset; return each store and meaning."""
        now = self.workshop.clock()
        landed = [obj.id for (_, obj), result in results if not isinstance(result, Exception)]
        self.staging.mark("landed_at", landed, now)
        lost = self._lost(results)
        self.staging.disprove(list(lost.values()), now)
        rest = [(wanted, result) for wanted, result in results if wanted[1].id not in lost]
        tried = [_tried(*wanted, result) for wanted, result in rest]
        meanings = self.gates.judge(tried)
        for ((asset, _), _), meaning in zip(rest, meanings, strict=True):
            if isinstance(meaning, Exception):
                unasked = isinstance(meaning, NotTriedError)
                failures[asset.id] = None if unasked else event_of(meaning, DownloadFailed)
        for (asset, staged), result in results:
            if staged.id in lost and isinstance(result, Exception):
                failures[asset.id] = event_of(result, StagedCopyLost)
        return [(store, meaning) for (store, _), meaning in zip(tried, meanings, strict=True)]

    def _lost(self, results: list[Result]) -> dict[int, tuple[Staged, RemoteError]]:
        """Return the objects, by id, that are not there any more or not sound, each with its error.

        What was answered on the way says nothing of them: each is looked at before it is given up,
        as another export costs more than a look.
        """
        doubtful = [
            (asset, staged, error)
            for (asset, staged), error in results
            if isinstance(error, RemoteError) and not error.costs_time_only
        ]
        looked_at = self.workshop.each(
            doubtful, lambda doubt: self._is_sound(*doubt), apart=lambda doubt: doubt[1].bucket
        )
        return {
            staged.id: (staged, error) for (_, staged, error), sound in looked_at if sound is False
        }

    def _is_sound(self, asset: LedgerAsset, staged: Staged, error: RemoteError) -> bool:
        if error.cause == Cause.INTEGRITY and asset.standing.failures >= _DOUBTS:
            return False
        return staged.obj.is_writing(self.stores.at(staged.bucket).find(staged.bucket, staged.obj))

    def _record(self, ended: list[LedgerAsset], failures: Failures) -> int:
        """Record what became of assets of which nothing is on its way any more."""
        events = ((asset, failures.get(asset.id, DownloadFinished())) for asset in ended)
        return self.workshop.record([Move(asset, event) for asset, event in events if event])

    def _fitting(self, wanted: list[Wanted]) -> tuple[list[Wanted], str]:
        """Return what the disks have room for, whole assets only, and what keeps the rest back."""
        room: dict[str, int] = {}
        sizes: dict[int, int] = defaultdict(int)
        for asset, staged in wanted:
            sizes[asset.id] += staged.obj.size_bytes
        fitting: set[int] = set()
        waiting = ""
        trouble: dict[str, str] = {}
        for asset_id, dest in {asset.id: asset.dest for asset, _ in wanted}.items():
            if dest not in room:
                trouble[dest] = self.workshop.mirror_trouble(dest)
                free = None if trouble[dest] else free_bytes(Path(dest))
                room[dest] = (free or 0) - self.limits.reserve_bytes
            if sizes[asset_id] <= room[dest]:
                room[dest] -= sizes[asset_id]
                fitting.add(asset_id)
            else:
                waiting = trouble[dest] or f"{dest} has no room"
        return [pair for pair in wanted if pair[0].id in fitting], waiting

    def _fetched(self, wanted: list[Wanted]) -> Generator[list[Result]]:
        """Bring objects to disk; yield their results as they come."""
        by_mirror: dict[tuple[str, str], dict[Fetch, Wanted]] = defaultdict(dict)
        for asset, staged in wanted:  # a bucket's refusal ends what is done together
            by_mirror[asset.dest, staged.bucket][_job(asset, staged)] = asset, staged
        at_once = self.workshop.executor.share(self.at_once)
        for (dest, _), jobs in by_mirror.items():
            work = partial(fetch_all, self.line, dest, at_once)
            with closing(Folders(Path(dest))) as folders:
                for fetched in self.workshop.dispatch(list(jobs), work, size_bytes=_size_bytes):
                    if fetched:
                        yield [(jobs[job], result) for job, result in _named(folders, fetched)]


def _soon(due: list[LedgerAsset], staged: Mapping[int, list[Staged]]) -> list[LedgerAsset]:
    """Return the first assets, and no more than come soon: it may be others' turn then."""
    sizes = (sum(obj.obj.size_bytes for obj in staged[asset.id]) for asset in due)
    most = bisect_right(list(accumulate(sizes)), _PASS_BYTES)
    return due[: max(1, most)]


def _tried(asset: LedgerAsset, staged: Staged, result: object) -> tuple[str, Tried]:
    name = asset.name.rpartition("/")[2]
    return store_of(staged.bucket), Tried(asset.id, name, staged.bucket, result)


def _job(asset: LedgerAsset, staged: Staged) -> Fetch:
    bucket, token = staged.bucket, staged.token
    return Fetch(asset.path, staged.file, token, bucket, staged.obj)


def _size_bytes(job: Fetch) -> int:
    return job.obj.size_bytes


def _named(
    folders: Folders, fetched: list[tuple[Fetch, str | Exception]]
) -> Iterator[tuple[Fetch, object]]:
    """Sync what was fetched and give it its unproved names; yield what failed, for each.

    fetched: the name of each file now, or why it was not fetched.
    """
    landed = {
        job: Landed(job.path, name, job.file, job.token)
        for job, name in fetched
        if isinstance(name, str)
    }
    yield from ((job, _failure(error)) for job, error in fetched if isinstance(error, Exception))
    yield from zip(landed, settle(folders, list(landed.values())), strict=True)


def _failure(error: Exception) -> Exception:
    """Return what it means for an object: a killed process is the machine's trouble."""
    if isinstance(error, RemoteError) and error.cause == Cause.CRASHED:
        return RemoteError(Cause.TRANSIENT, str(error))
    return error


def _ended(results: list[Result], pending: Mapping[int, int]) -> list[LedgerAsset]:
    """Return the assets of which the last object was fetched, or failed."""
    assets = {asset.id: asset for (asset, _), _ in results}
    return [asset for key, asset in assets.items() if not pending[key]]
