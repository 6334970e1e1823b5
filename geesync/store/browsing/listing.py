"""Assets by name, one after another, however many there are."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from geesync.domain.mirror.lifecycle import State
from geesync.store.tables.schema import ON_DISK
from geesync.store.views.status import reading


@dataclass(frozen=True)
class Listed:
    """One asset, as far as a line tells it."""

    id: int
    name: str  #: canonical
    type: str
    state: str
    size_bytes: int  #: as Earth Engine counts it
    revision: str
    folder: str  #: absolute
    is_on_disk: bool  #: its proved files are there, and are those of this revision
    cause: str | None  #: of its last failure
    reason: str | None
    left_out: str | None  #: what of it no file can hold
    unreadable: str | None  #: what was answered when the last scan asked for it


@dataclass(frozen=True)
class Which:
    """Which assets are asked for."""

    name: str | None = None  #: this one with all below it; else all of watched roots
    state: State | None = None
    left_out: bool = False
    unreadable: bool = False


def listed(path: Path, which: Which) -> Iterator[Listed]:
    """Yield the assets that are asked for, by name."""
    with reading(path) as connection:
        for row in _rows(connection, which):
            yield Listed(**dict(row) | {"is_on_disk": bool(row["is_on_disk"])})


def _rows(connection: sqlite3.Connection, which: Which) -> sqlite3.Cursor:
    conditions = ["removed_at IS NULL"]
    if which.name is not None:  # 0 follows /
        conditions = ["(asset.name = :name OR asset.name BETWEEN :name || '/' AND :name || '0')"]
    if which.state:
        conditions.append("state = :state")
    if which.left_out:
        conditions.append("left_out IS NOT NULL")
    if which.unreadable:
        conditions.append("why IS NOT NULL")
    return connection.execute(
        "SELECT asset.id, asset.name, type, state, size_bytes, revision,"  # noqa: S608 # ours
        f" dest || '/' || path AS folder, {ON_DISK} AS is_on_disk, cause, reason, left_out,"
        " why AS unreadable FROM asset JOIN root ON root.id = root_id"
        " LEFT JOIN unreadable ON unreadable.asset_id = asset.id"
        f" WHERE {' AND '.join(conditions)} ORDER BY asset.name",
        {"name": which.name, "state": which.state},
    )
