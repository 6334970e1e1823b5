"""Brings every byte of an asset's objects to disk, durable and equal to the bucket's by CRC32C.

For each object, in this order: its bytes are fetched into a file and summed as they come; the file
is synced; it gets the name that says it is unproved, and that is synced; the ledger notes it as
landed. With its last object an asset is downloaded. What comes slowly comes to a later pass.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import ClassVar

from geesync.adapters.mirror_files.mirror import free_bytes
from geesync.adapters.storage.stores import Stores
from geesync.domain.failures.shared_failures import NotTriedError, Tried
from geesync.domain.mirror.lifecycle import DownloadFailed, DownloadFinished, StagedCopyLost, State
from geesync.domain.state_machine import Event
from geesync.domain.tasks.task import store_of
from geesync.errors import Cause, RemoteError
from geesync.steps.brakes.brakes import Limits
from geesync.steps.brakes.gates import Gates
from geesync.steps.mirror.downloads import Downloads, Result, Wanted
from geesync.steps.step import Tally, Workshop, event_of
from geesync.store.copies.staging import Staged, Staging
from geesync.store.ledger.ledger import LedgerAsset, Move

#: What one pass fetches, about: what was asked for meanwhile has its turn after that.
_PASS_BYTES = 4 * 1024**3

#: Bytes that came wrong so often, minutes and hours apart, are wrong in the bucket.
_DOUBTS = 3

#: What keeps assets from being downloaded, by id; nothing happened to those that were not tried.
Failures = dict[int, Event | None]


@dataclass
class Downloader:
    """Downloads assets whose objects are all in the bucket."""

    name: ClassVar[str] = "downloader"

    workshop: Workshop
    downloads: Downloads
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
            for results in self._coming():
                meanings += self._note(results)
                moved += self._record(results)
        except BaseException:
            self.downloads.give_up()
            self._failures.clear()
            raise
        self.gates.learn(meanings)
        moved += self.workshop.excuse(self.gates.wronged_assets())
        reasons = [*self.gates.told(), *filter(None, [waiting, self.downloads.slow()])]
        busy = self.downloads.are_under_way or (more and moved > 0)
        return Tally(moved=moved, busy=busy, waiting="; ".join(reasons))

    def _take_on(self) -> tuple[int, bool, str]:
        """Begin what there is room for on the line and on disk.

        Returns how many assets moved, whether more could be begun, and what keeps some back.
        """
        under_way = self._under_way()
        due = self._due(under_way) if self.downloads.room > 0 else []
        if not due:
            if not under_way:
                self.workshop.executor.rest()
            return 0, False, ""
        self.workshop.executor.require()
        staged = self.staging.staged([asset.id for asset in due])
        is_full = len(due) >= self.workshop.chunk
        due = _soon(due, staged)
        wanted = [(asset, obj) for asset in due for obj in staged[asset.id] if not obj.landed]
        fitting, waiting = self._fitting(wanted)
        is_full = is_full or len(due) < len(staged)
        more = self._begin(fitting) or (is_full and not waiting)
        pending = {asset.id for asset, _ in wanted}
        here = [Move(asset, DownloadFinished()) for asset in due if asset.id not in pending]
        return self.workshop.record(here), more, waiting

    def _due(self, under_way: set[int]) -> list[LedgerAsset]:
        now, ledger = self.workshop.clock(), self.workshop.ledger

        def find(
            *, limit: int, of: Collection[str] = (), not_of: Collection[str] = ()
        ) -> list[LedgerAsset]:
            beside = 0 if of else len(under_way)  # a probe is on its way, or there is none
            found = ledger.due(State.IN_BUCKET, now=now, limit=limit + beside, of=of, not_of=not_of)
            return [asset for asset in found if asset.id not in under_way][:limit]

        return self.gates.due(self.workshop.chunk, find)

    def _begin(self, fitting: list[Wanted]) -> bool:
        """Begin downloads, while there is room; return whether some have to wait."""
        together: dict[tuple[str, str], list[Wanted]] = defaultdict(list)
        for asset, staged in fitting:  # a bucket's refusal ends what is done together
            together[asset.dest, staged.bucket].append((asset, staged))
        while together and self.downloads.room > 0:
            dest, bucket = next(iter(together))
            self.downloads.begin(dest, together.pop((dest, bucket)))
        return bool(together)

    def _coming(self) -> Iterator[list[Result]]:
        """Yield what comes, until all is here or nothing came for a while; at a stop all ends."""
        heard = time.monotonic()
        while self.downloads.are_under_way:
            if results := self.downloads.next():
                yield results
                heard = time.monotonic()
            elif time.monotonic() > heard + self.patience_s and not self.workshop.stopping():
                return

    def _note(self, results: list[Result]) -> list[tuple[str, object]]:
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
                self._failures[asset.id] = None if unasked else event_of(meaning, DownloadFailed)
        for (asset, staged), result in results:
            if staged.id in lost and isinstance(result, Exception):
                self._failures[asset.id] = event_of(result, StagedCopyLost)
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

    def _record(self, results: list[Result]) -> int:
        """Record what became of assets of which nothing is on its way any more."""
        under_way = self._under_way()
        ended = {asset.id: asset for (asset, _), _ in results if asset.id not in under_way}
        events = ((one, self._failures.pop(key, DownloadFinished())) for key, one in ended.items())
        return self.workshop.record([Move(asset, event) for asset, event in events if event])

    def _under_way(self) -> set[int]:
        return {asset.id for asset, _ in self.downloads.wanted}

    def _fitting(self, wanted: list[Wanted]) -> tuple[list[Wanted], str]:
        """Return what the disks have room for, whole assets only, and what keeps the rest back."""
        room: dict[str, int] = {}
        sizes: dict[int, int] = defaultdict(int)
        for asset, staged in wanted:
            sizes[asset.id] += staged.obj.size_bytes
        fitting: set[int] = set()
        waiting = ""
        trouble: dict[str, str] = {}
        coming: dict[str, int] = defaultdict(int)
        for asset, staged in self.downloads.wanted:
            coming[asset.dest] += staged.obj.size_bytes
        for asset_id, dest in {asset.id: asset.dest for asset, _ in wanted}.items():
            if dest not in room:
                trouble[dest] = self.workshop.mirror_trouble(dest)
                free = None if trouble[dest] else free_bytes(Path(dest))
                room[dest] = (free or 0) - self.limits.reserve_bytes - coming[dest]
            if sizes[asset_id] <= room[dest]:
                room[dest] -= sizes[asset_id]
                fitting.add(asset_id)
            else:
                waiting = trouble[dest] or f"{dest} has no room"
        return [pair for pair in wanted if pair[0].id in fitting], waiting


def _soon(due: list[LedgerAsset], staged: Mapping[int, list[Staged]]) -> list[LedgerAsset]:
    """Return the first assets, and no more than come soon: it may be others' turn then."""
    sizes = (sum(obj.obj.size_bytes for obj in staged[asset.id]) for asset in due)
    most = bisect_right(list(accumulate(sizes)), _PASS_BYTES)
    return due[: max(1, most)]


def _tried(asset: LedgerAsset, staged: Staged, result: object) -> tuple[str, Tried]:
    name = asset.name.rpartition("/")[2]
    return store_of(staged.bucket), Tried(asset.id, name, staged.bucket, result)
