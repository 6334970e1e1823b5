"""Assets by name, one after another, however many there are."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from geesync.domain.assets.asset import SourceAsset
from geesync.domain.mirror.lifecycle import State
from geesync.store.file.soundness import reading
from geesync.store.tables.packing import unpack
from geesync.store.tables.schema import ON_DISK
from geesync.store.tables.states import CONTAINER_TYPES, WITHIN


@dataclass(frozen=True)
class Listed:
    """One asset, as a line of a list shows it."""

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
    if which.name is not None:
        conditions = [WITHIN]
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


@dataclass(frozen=True)
class KnownAsset:
    """An image, a table or whatever else holds no others."""

    source: SourceAsset
    dest: str  #: the root's mirror, absolute
    path: str  #: its folder, relative to the mirror
    in_catalogue: bool  #: its Item is on disk


def known_assets(ledger: Path, *, within: str | None = None) -> Iterator[KnownAsset]:
    """Yield what Earth Engine said of each asset but of containers, by name, in constant memory.

    within: of this name and all below it only.
    """
    with reading(ledger) as connection:
        rows = connection.execute(
            "SELECT root.dest, path, json, catalogued_version IS NOT NULL AND verified_at IS NOT"  # noqa: S608 # ours
            " NULL AS in_catalogue FROM asset JOIN source ON source.asset_id = asset.id"
            " JOIN root ON root.id = asset.root_id"
            f" WHERE asset.type NOT IN ({CONTAINER_TYPES}) AND (:name IS NULL OR {WITHIN})"
            " ORDER BY asset.name",
            {"name": within},
        )
        for row in rows:
            source = SourceAsset(unpack(row["json"]))
            yield KnownAsset(source, row["dest"], row["path"], bool(row["in_catalogue"]))
