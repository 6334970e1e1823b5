"""A ledger on disk, and assets to put into it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from geesync.domain.assets.asset import SourceAsset
from geesync.domain.mirror.lifecycle import State
from geesync.domain.mirror.plan import Plan
from geesync.domain.state_machine import Event
from geesync.domain.tasks.exports import Ask, Part
from geesync.domain.tasks.lifecycle import (
    Destination,
    DestinationKind,
    Subject,
    SubjectKind,
    TaskEvent,
    TaskKind,
)
from geesync.store.copies.staging import Staging
from geesync.store.file.database import Database
from geesync.store.ledger.ledger import Ledger, LedgerAsset, Move
from geesync.store.ledger.listing import Listing
from geesync.store.ledger.roots import Root, Roots
from geesync.store.tasks.plans import KnownPlan, NewPlan, Plans
from geesync.store.tasks.task_rows import Intent, Task
from geesync.store.tasks.tasks import TaskMove, Tasks
from tests.fresh_ledger import open_fresh

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TOP = "projects/earthengine-legacy/assets/users/x"


@dataclass
class Store:
    """Everything that writes into one ledger."""

    path: Path
    database: Database
    ledger: Ledger
    tasks: Tasks
    plans: Plans
    staging: Staging
    listing: Listing
    roots: Roots

    def root(self, name: str = TOP, *, dest: str = "/mirror") -> Root:
        """Watch a root."""
        self.roots.add(name, dest=dest, bucket="bucket", now=NOW)
        return next(root for root in self.roots.all() if root.name == name)

    def see(self, root: Root, *listed: SourceAsset) -> list[LedgerAsset]:
        """List assets, and return them as they are known then."""
        self.listing.observe(root.id, listed, NOW)
        return [self.get(source.name) for source in listed]

    def get(self, name: str) -> LedgerAsset:
        asset = self.ledger.find(name)
        assert asset is not None, name
        return asset

    def move(self, asset: LedgerAsset, *events: Event) -> LedgerAsset:
        """Let events happen to an asset, one after the other."""
        for event in events:
            assert self.ledger.record([Move(self.get(asset.name), event)], NOW) == 1
        return self.get(asset.name)

    def intend(self, asset: LedgerAsset, attempt: int = 1, key: str = "") -> Task:
        """Write down the task for one of an asset's two parts."""
        part = Part(key, "csv")
        known = self.plans.latest([asset.id]).get(asset.id) or self.planned(asset)
        ask = Ask(asset.name, asset.revision, part, attempt, "ledger")
        to = Destination(DestinationKind.BUCKET, "bucket", f"p/{ask.token}/a")
        subject = Subject(SubjectKind.ASSET, asset.id, asset.name, asset.revision)
        kind = TaskKind.TABLE_EXPORT
        intent = Intent(subject, kind, attempt, ask.token, {}, to, known.id, part.id)
        (task,) = self.tasks.intend([intent], NOW)
        return task

    def planned(self, asset: LedgerAsset) -> KnownPlan:
        """Remember a plan of two parts for an asset."""
        plan = Plan((Part("", "csv"), Part("grid2", "csv")))
        return self.plans.put([NewPlan(asset.id, asset.revision, "c0ffee", plan)], NOW)[asset.id]

    def happen(self, task: Task, *events: TaskEvent) -> Task:
        """Let events happen to a task, and return it as it is then."""
        return self.tasks.record([TaskMove(task, event) for event in events], NOW)[task.id]

    def query(self, sql: str, **values: Any) -> list[Any]:
        with self.database.read() as connection:
            return list(connection.execute(sa.text(sql), values))

    def states(self) -> dict[str, State]:
        return {row.name: State(row.state) for row in self.query("SELECT name, state FROM asset")}


@pytest.fixture
def ledger_path(tmp_path: Path) -> Path:
    return tmp_path / "geesync.db"


@pytest.fixture
def store(ledger_path: Path) -> Iterator[Store]:
    database = open_fresh(ledger_path)
    yield Store(
        ledger_path,
        database,
        Ledger(database),
        Tasks(database),
        Plans(database),
        Staging(database),
        Listing(database),
        Roots(database),
    )
    database.close()


def image(name: str = "img", revision: str = "r1", size_bytes: int = 10) -> SourceAsset:
    """Return an image below the top, as Earth Engine lists it."""
    return SourceAsset(
        {
            "name": f"{TOP}/{name}",
            "type": "IMAGE",
            "updateTime": revision,
            "sizeBytes": str(size_bytes),
        }
    )


Fresh = Callable[[], Store]


def folder(name: str = "") -> SourceAsset:
    """Return the top, or a folder below it."""
    return SourceAsset({"name": f"{TOP}/{name}".rstrip("/"), "type": "FOLDER"})
