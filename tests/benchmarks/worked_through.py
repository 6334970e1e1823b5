"""A ledger at the end of the work, written as the steps write it, without files and networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from geesync.domain.assets.asset import SourceAsset
from geesync.domain.choices.options import Options
from geesync.domain.mirror.checking import KeptFile
from geesync.domain.mirror.coverage import StoredObject
from geesync.domain.mirror.lifecycle import (
    CheckPassed,
    DownloadFinished,
    ExportsSucceeded,
    ExportStarted,
    NothingToExport,
    State,
)
from geesync.domain.mirror.planning import plan
from geesync.domain.state_machine import Event
from geesync.domain.tasks.lifecycle import Ended, Started
from geesync.steps.tasks.planner import Planner
from geesync.store.copies.catalogue import Catalogue
from geesync.store.copies.sidecars import Sidecars
from geesync.store.copies.staging import Staging
from geesync.store.file.database import Database, open_current
from geesync.store.ledger.history import History
from geesync.store.ledger.ledger import Ledger, LedgerAsset, Move
from geesync.store.tasks.plans import Plans
from geesync.store.tasks.tasks import TaskMove, Tasks

_CHUNK = 1000
#: Chunks after which the history is looked at from its beginning again.
_DAY = 100
_SIDECARS = ("asset.json", "geesync.json", "iam.json", "item.json")


def work_through(ledger: Path, *, keep_events: int = 1_000_000) -> int:
    """Bring every asset of a ledger to ``verified``; returns how many."""
    database = open_current(ledger)
    try:
        work, history = _Work(database), History(database)
        done = forgotten = 0
        for number, assets in enumerate(work.chunks(), 1):
            work.through(assets)
            done += len(assets)
            forgotten = _forget(history, keep_events, forgotten if number % _DAY else 0)
        _forget(history, keep_events, 0)
    finally:
        database.close()
    return done


def _forget(history: History, keep: int, after: int) -> int:
    """Forget as the daemon does between its work; return the event after which to go on."""
    while (following := history.forget(keep=keep, after=after)) is not None:
        after = following
    return after


class _Work:
    def __init__(self, database: Database) -> None:
        self.ledger = Ledger(database)
        self.tasks = Tasks(database)
        self.planner = Planner(Plans(database), Options(way="bucket"), "growth")
        self.staging = Staging(database)
        self.sidecars = Sidecars(database)
        self.catalogue = Catalogue(database)
        self._numbers = count(1)

    def chunks(self) -> Iterator[list[LedgerAsset]]:
        while assets := self.ledger.due(State.DISCOVERED, now=datetime.now(UTC), limit=_CHUNK):
            yield assets

    def through(self, assets: list[LedgerAsset]) -> None:
        now = datetime.now(UTC)
        sources = self.ledger.sources_of(assets)
        parts = {asset.id: plan(sources[asset.id]).parts for asset in assets}
        images = [asset for asset in assets if parts[asset.id]]
        self._move([asset for asset in assets if not parts[asset.id]], NothingToExport(""))
        self._export(images, sources, now)
        self._move(images, DownloadFinished())
        self.sidecars.note(
            {
                asset.id: [KeptFile(name, 700, 0xC0FFEE00 + n) for n, name in enumerate(_SIDECARS)]
                for asset in assets
            }
        )
        self._move(assets, CheckPassed())
        there = self.ledger.assets(asset.id for asset in assets)
        staged = self.staging.staged(asset.id for asset in images)
        objects = [one.id for found in staged.values() for one in found]
        self.staging.mark("swept_at", objects, now)
        sums = {key: (key, f"{key:064x}"[::-1]) for key in objects}
        self.staging.note_sums(sums)
        self.catalogue.note_written(there, {})

    def _export(
        self, images: list[LedgerAsset], sources: Mapping[int, SourceAsset], now: datetime
    ) -> None:
        known, _ = self.planner.renewed(images, sources, now)
        intents = [
            self.planner.intent(asset, known[asset.id], part, sources[asset.id], attempts=0)
            for asset in images
            for part in known[asset.id].plan.parts
        ]
        intended = self.tasks.intend(intents, now)
        started = [TaskMove(one, Started(operation=self._operation())) for one in intended]
        running = self.tasks.record(started, now).values()
        self._move(images, ExportStarted())
        ended = [TaskMove(one, Ended(eecu_s=0.125)) for one in running]
        settled = self.tasks.record(ended, now).values()
        self.tasks.succeed(
            [(one, [self._object(f"{one.destination.prefix}.tif")]) for one in settled], now
        )
        self._move(images, ExportsSucceeded())
        staged = self.staging.staged(asset.id for asset in images)
        objects = [one.id for of_asset in staged.values() for one in of_asset]
        self.staging.mark("landed_at", objects, now)

    def _operation(self) -> str:
        return f"{next(self._numbers) * 0x9E3779B97F4A7C15 % 16**24:024X}"

    def _object(self, name: str) -> StoredObject:
        number = next(self._numbers)
        return StoredObject(name, 1_795_648_236_000_000 + number, 1445, number * 2654435761 % 2**32)

    def _move(self, assets: list[LedgerAsset], event: Event) -> None:
        there = self.ledger.assets(asset.id for asset in assets)
        self.ledger.record([Move(asset, event) for asset in there], datetime.now(UTC))
