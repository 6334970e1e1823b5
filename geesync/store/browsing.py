"""Assets to look through: pages of them, the newest proved, and where they lie on the map."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from geesync.domain.footprint import Box
from geesync.store.schema import CELL_DEG, CELLS_AROUND
from geesync.store.views import reading

#: Beyond so many footprints they are told by cells of the map, and beyond so many cells by larger
#: ones: more cannot be told apart, and a page of them is slow.
_FEW = 600
_MANY = 2000

#: Events looked at for what was proved last: bounds the question, whatever the history.
_LATEST_EVENTS = 5_000


@dataclass(frozen=True)
class Entry:
    """One asset in a list."""

    id: int
    name: str
    type: str
    state: str
    size_bytes: int
    cause: str | None
    reason: str | None


@dataclass(frozen=True)
class Page:
    """A page of assets, in the order in which they were found."""

    entries: list[Entry]
    following: int | None  #: what the next page comes after; None if this is the last


@dataclass(frozen=True)
class Wanted:
    """Which assets are asked for; what is "" is no condition."""

    state: str = ""
    root: str = ""  #: canonical name
    cause: str = ""
    text: str = ""  #: part of the name


def page(path: Path, wanted: Wanted, *, after: int = 0, limit: int = 100) -> Page:
    """Return the page of assets that comes after an id."""
    conditions, values = ["asset.id > ?"], [str(after)]
    for column, value in (
        ("asset.state = ?", wanted.state),
        ("asset.root_id = (SELECT id FROM root WHERE name = ?)", wanted.root),
        ("asset.cause = ?", wanted.cause),
        ("instr(asset.name, ?)", wanted.text),
    ):
        if value:
            conditions.append(column)
            values.append(value)
    with reading(path) as connection:
        rows = connection.execute(
            "SELECT id, name, type, state, size_bytes, cause, reason FROM asset"  # noqa: S608 # ours
            f" WHERE {' AND '.join(conditions)} ORDER BY id LIMIT ?",
            (*values, limit + 1),
        ).fetchall()
    entries = [Entry(**dict(row)) for row in rows[:limit]]
    return Page(entries, entries[-1].id if len(rows) > limit else None)


def latest_images(path: Path, *, limit: int) -> list[tuple[Entry, datetime]]:
    """Return the images that were verified last, newest first, and when."""
    with reading(path) as connection:
        rows = connection.execute(
            "SELECT asset.id, asset.name, type, state, size_bytes, cause, reason, max(at) AS at"
            " FROM event JOIN asset ON asset.id = asset_id"
            " WHERE event.id > (SELECT coalesce(max(id), 0) FROM event) - ?"
            " AND to_state = 'verified' AND state = 'verified' AND type = 'IMAGE'"
            " GROUP BY asset.id ORDER BY at DESC, asset.id DESC LIMIT ?",
            (_LATEST_EVENTS, limit),
        ).fetchall()
    told = [dict(row) for row in rows]
    times = [datetime.fromtimestamp(row.pop("at"), UTC) for row in told]
    return [(Entry(**row), at) for row, at in zip(told, times, strict=True)]


@dataclass(frozen=True)
class Spot:
    """A place on the map: one footprint, or a cell with all that have their centre in it."""

    box: Box
    counts: dict[str, int]  #: assets by state
    name: str = ""  #: of the asset, where it is one footprint


def spots(path: Path) -> list[Spot]:
    """Return where the assets of watched roots lie; counted by cells where they are many."""
    with reading(path) as connection:
        rows = connection.execute(
            "SELECT cell, state, sum(assets) AS assets FROM cell JOIN root ON root.id = root_id"
            " WHERE assets > 0 AND removed_at IS NULL GROUP BY cell, state ORDER BY cell"
        ).fetchall()
        if sum(row["assets"] for row in rows) <= _FEW:
            return _footprints(connection) if rows else []
    side = 1
    while len(places := _places(rows, side)) > _MANY:
        side *= 2
    return [Spot(_box(north, east, side), counts) for (north, east), counts in places.items()]


def _places(rows: list[sqlite3.Row], side: int) -> dict[tuple[int, int], dict[str, int]]:
    """Return assets by state in squares of so many cells, by their place from the south-west."""
    places: dict[tuple[int, int], dict[str, int]] = {}
    for row in rows:
        north, east = divmod(row["cell"], CELLS_AROUND)
        counts = places.setdefault((north // side, east // side), {})
        counts[row["state"]] = counts.get(row["state"], 0) + row["assets"]
    return places


def _footprints(connection: sqlite3.Connection) -> list[Spot]:
    rows = connection.execute(
        "SELECT asset.name, state, west, south, east, north FROM asset"
        " JOIN root ON root.id = root_id"
        " WHERE west IS NOT NULL AND removed_at IS NULL ORDER BY asset.id"
    )
    return [
        Spot(
            Box(row["west"], row["south"], row["east"], row["north"]),
            {row["state"]: 1},
            row["name"],
        )
        for row in rows
    ]


def _box(north: int, east: int, side: int) -> Box:
    edge = side * CELL_DEG
    west, south = east * edge - 180, north * edge - 90
    return Box(west, south, min(west + edge, 180), min(south + edge, 90))


@dataclass(frozen=True)
class Picture:
    """The files of a verified image, for a quick-look."""

    name: str
    mirror: Path
    folder: str  #: relative to the mirror
    revision: str
    files: list[str]  #: GeoTIFFs of its first part, on disk


def picture(path: Path, asset_id: int) -> Picture | None:
    """Return the files of a verified image; None if it is none, or has none."""
    with reading(path) as connection:
        asset = connection.execute(
            "SELECT asset.name, path, dest, revision FROM asset JOIN root ON root.id = root_id"
            " WHERE asset.id = ? AND type = 'IMAGE' AND state = 'verified'",
            (asset_id,),
        ).fetchone()
        rows = connection.execute(
            "SELECT part, file FROM object JOIN export ON export.id = export_id"
            " WHERE asset_id = ? AND landed_at IS NOT NULL AND export.state = 'succeeded'"
            " AND export.revision = (SELECT revision FROM asset WHERE id = asset_id)"
            " AND file LIKE '%.tif' ORDER BY export_id, file",
            (asset_id,),
        ).fetchall()
    files = [row["file"] for row in rows if row["part"] == rows[0]["part"]]
    if asset is None or not files:
        return None
    return Picture(asset["name"], Path(asset["dest"]), asset["path"], asset["revision"], files)
