"""Brings every byte of an asset's objects to disk, durable and equal to the bucket's by CRC32C.

For each object, in this order: its bytes are fetched into a file and summed as they come; the file
is synced; it gets the name that says it is unproved, and that is synced; the ledger notes it as
landed. With its last object an asset is downloaded. What comes slowly comes to a later pass.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import ClassVar

from geesync.adapters.mirror_files.disk import Folder
from geesync.adapters.mirror_files.group_sync import Landed
from geesync.adapters.mirror_files.landing import arrived_bytes
from geesync.adapters.mirror_files.mirror import free_bytes
from geesync.adapters.storage.fetching import Fetch, fetch_all
from geesync.adapters.storage.stores import ObjectSource, Stores
from geesync.domain.failures.shared_failures import NotTriedError, Tried
from geesync.domain.mirror.lifecycle import DownloadFailed, DownloadFinished, StagedCopyLost, State
from geesync.domain.state_machine import Event
from geesync.domain.tasks.lifecycle import store_of
from geesync.errors import Cause, RemoteError
from geesync.steps.brakes.brakes import Limits
from geesync.steps.brakes.gates import Gates
from geesync.steps.mirror.transfers import Results, Transfers, of_a_pass, settled
from geesync.steps.step import StepContext, Tally, event_of
from geesync.store.copies.staging import Staged, Staging
from geesync.store.ledger.ledger import LedgerAsset, Move

#: Bytes that came wrong so often, minutes and hours apart, are wrong in the bucket.
_DOUBTS = 3


@dataclass(frozen=True)
class Download:
    """One object that is to be brought to disk."""

    asset: LedgerAsset
    staged: Staged

    @cached_property
    def work(self) -> Fetch:
        """What is to be done."""
        staged = self.staged
        return Fetch(self.asset.path, staged.file, staged.token, staged.bucket, staged.obj)

    @property
    def size_bytes(self) -> int:
        """How much comes."""
        return self.staged.obj.size_bytes

    def requests_left(self, _place: Folder) -> int:
        """Return that there is one."""
        return 1

    def progress(self, place: Folder) -> int | None:
        """Return how many bytes are on disk; None: it has not begun."""
        return arrived_bytes(place, self.work.file, self.work.token)


#: What keeps assets from being downloaded, by id; nothing happened to those that were not tried.
Failures = dict[int, Event | None]


@dataclass
class Downloader:
    """Downloads assets whose objects are all in the bucket."""

    name: ClassVar[str] = "downloader"

    context: StepContext
    transfers: Transfers[Download]
    source: ObjectSource
    stores: Stores
    staging: Staging
    limits: Limits
    gates: Gates
    patience_s: float = 10.0  #: a pass in which nothing comes for so long ends; it comes to a later
    _failures: Failures = field(default_factory=dict, init=False)

    def run_once(self) -> Tally:
        """Take on what is ready, as far as there is room; see what came, while something does."""
        try:
            moved, more, waiting = self._take_on()
            meanings: list[tuple[str, object]] = []
            for came in filter(None, self.transfers.coming(self.patience_s)):
                results = _settled(came)
                meanings += self._note(results)
                moved += self._record(results)
        except BaseException:
            self.transfers.give_up()
            self._failures.clear()
            raise
        self.gates.learn(meanings)
        moved += self.context.excuse(self.gates.wronged_assets())
        reasons = [*self.gates.reasons(), *filter(None, [waiting, self.transfers.slow()])]
        busy = self.transfers.are_under_way or (more and moved > 0)
        return Tally(moved=moved, busy=busy, waiting="; ".join(reasons))

    def _take_on(self) -> tuple[int, bool, str]:
        """Begin what there is room for on the line and on disk.

        Returns how many assets moved, whether more could be begun, and what keeps some back.
        """
        under_way = self._under_way()
        due = self._due(under_way) if self.transfers.room > 0 else []
        if not due:
            if not under_way:
                self.context.executor.rest()
            return 0, False, ""
        self.context.executor.require()
        staged = self.staging.staged([asset.id for asset in due])
        is_full = len(due) >= self.context.chunk
        due = of_a_pass(due, (sum(obj.obj.size_bytes for obj in staged[asset.id]) for asset in due))
        wanted = [
            Download(asset, obj) for asset in due for obj in staged[asset.id] if not obj.landed
        ]
        fitting, waiting = self._fitting(wanted)
        is_full = is_full or len(due) < len(staged)
        more = self._begin(fitting) or (is_full and not waiting)
        pending = {one.asset.id for one in wanted}
        here = [Move(asset, DownloadFinished()) for asset in due if asset.id not in pending]
        return self.context.record(here), more, waiting

    def _due(self, under_way: set[int]) -> list[LedgerAsset]:
        now, ledger = self.context.clock(), self.context.ledger

        def find(
            *, limit: int, of: Collection[str] = (), not_of: Collection[str] = ()
        ) -> list[LedgerAsset]:
            beside = 0 if of else len(under_way)  # a probe is on its way, or there is none
            found = ledger.due(State.IN_BUCKET, now=now, limit=limit + beside, of=of, not_of=not_of)
            return [asset for asset in found if asset.id not in under_way][:limit]

        return self.gates.due(self.context.chunk, find)

    def _begin(self, fitting: list[Download]) -> bool:
        """Begin downloads, while there is room; return whether some have to wait."""
        waiting: dict[tuple[str, str], list[Download]] = defaultdict(list)
        for one in fitting:  # a bucket's refusal ends what is done for it at a time
            waiting[one.asset.dest, one.staged.bucket].append(one)
        while waiting and (room := self.transfers.room) > 0:
            dest, bucket = next(iter(waiting))
            work = partial(fetch_all, self.source, dest, self.context.executor.share(room))
            self.transfers.begin(dest, waiting.pop((dest, bucket)), work, room)
        return bool(waiting)

    def _note(self, results: Results[Download]) -> list[tuple[str, object]]:
        """Note what became of objects, and what failed, by asset; return each store and meaning."""
        now = self.context.clock()
        landed = [one.staged.id for one, result in results if not isinstance(result, Exception)]
        self.staging.mark("landed_at", landed, now)
        lost = self._lost(results)
        self.staging.disprove(list(lost.values()), now)
        rest = [(one, result) for one, result in results if one.staged.id not in lost]
        tried = [_tried(one, result) for one, result in rest]
        meanings = self.gates.judge(tried)
        for (one, _), meaning in zip(rest, meanings, strict=True):
            if isinstance(meaning, Exception):
                unasked = isinstance(meaning, NotTriedError)
                event = None if unasked else event_of(meaning, DownloadFailed)
                self._failures[one.asset.id] = event
        for one, result in results:
            if one.staged.id in lost and isinstance(result, Exception):
                self._failures[one.asset.id] = event_of(result, StagedCopyLost)
        return [(one.store, meaning) for one, meaning in zip(tried, meanings, strict=True)]

    def _lost(self, results: Results[Download]) -> dict[int, tuple[Staged, RemoteError]]:
        """Return the objects, by id, that are not there any more or not sound, each with its error.

        What was answered on the way says nothing of them: each is looked at before it is given up,
        as another export costs more than a look.
        """
        doubtful = [
            (one.asset, one.staged, error)
            for one, error in results
            if isinstance(error, RemoteError) and not error.costs_time_only
        ]
        looked_at = self.context.each(
            doubtful, lambda doubt: self._is_sound(*doubt), apart=lambda doubt: doubt[1].bucket
        )
        return {
            staged.id: (staged, error) for (_, staged, error), sound in looked_at if sound is False
        }

    def _is_sound(self, asset: LedgerAsset, staged: Staged, error: RemoteError) -> bool:
        if error.cause == Cause.INTEGRITY and asset.standing.failures >= _DOUBTS:
            return False
        return staged.obj.is_writing(self.stores.at(staged.bucket).find(staged.bucket, staged.obj))

    def _record(self, results: Results[Download]) -> int:
        """Record what became of assets of which nothing is on its way any more."""
        under_way = self._under_way()
        ended = {one.asset.id: one.asset for one, _ in results if one.asset.id not in under_way}
        events = ((one, self._failures.pop(key, DownloadFinished())) for key, one in ended.items())
        return self.context.record([Move(asset, event) for asset, event in events if event])

    def _under_way(self) -> set[int]:
        return {one.asset.id for one in self.transfers.left}

    def _fitting(self, wanted: list[Download]) -> tuple[list[Download], str]:
        """Return what the disks have room for, whole assets only, and what keeps the rest back."""
        room: dict[str, int] = {}
        sizes: dict[int, int] = defaultdict(int)
        for one in wanted:
            sizes[one.asset.id] += one.size_bytes
        fitting: set[int] = set()
        waiting = ""
        trouble: dict[str, str] = {}
        coming: dict[str, int] = defaultdict(int)
        for one in self.transfers.left:
            coming[one.asset.dest] += one.size_bytes
        for asset_id, dest in {one.asset.id: one.asset.dest for one in wanted}.items():
            if dest not in room:
                trouble[dest] = self.context.mirror_trouble(dest)
                free = None if trouble[dest] else free_bytes(Path(dest))
                room[dest] = (free or 0) - self.limits.throttle.reserve - coming[dest]
            if sizes[asset_id] <= room[dest]:
                room[dest] -= sizes[asset_id]
                fitting.add(asset_id)
            else:
                waiting = trouble[dest] or f"{dest} has no room"
        return [one for one in wanted if one.asset.id in fitting], waiting


def _settled(results: Results[Download]) -> Results[Download]:
    """Sync what was fetched and give it its unproved names; return what became of each."""
    landed = []
    failed: Results[Download] = []
    for one, result in results:
        if isinstance(result, str):  # the name of its file now
            landed.append((one, Landed(one.asset.path, result, one.work.file, one.work.token)))
        else:
            failed.append((one, _failure(result)))
    return [*failed, *settled(landed)]


def _failure(result: object) -> object:
    """Return what it means for an object: a killed process is the machine's trouble."""
    if isinstance(result, RemoteError) and result.cause == Cause.CRASHED:
        return RemoteError(Cause.TRANSIENT, str(result))
    return result


def _tried(one: Download, result: object) -> Tried:
    bucket = one.staged.bucket
    return Tried(one.asset.id, one.asset.name, bucket, result, store_of(bucket))
