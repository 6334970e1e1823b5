"""Assets to look through: pages of them, the newest proved, and where they lie on the map."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from geesync.domain.assets.footprint import Box
from geesync.domain.tasks.lifecycle import TaskState
from geesync.store.file.soundness import reading
from geesync.store.tables.notes import CELL_DEG, CELLS_AROUND
from geesync.store.tables.states import below

#: Beyond so many footprints the map shows cells instead, and beyond so many cells larger ones:
#: more cannot be distinguished, and a page of them is slow.
_FEW = 600
_MANY = 2000

#: Assets of one page.
_PAGE = 100

#: Beyond so many nobody counts what is found.
COUNTED = 10_000

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
    count: int  #: of all pages, up to ``COUNTED``; one more than that stands for any number


@dataclass(frozen=True)
class Wanted:
    """Which assets are asked for; what is "" is no condition."""

    state: str = ""
    root: str = ""  #: canonical name
    cause: str = ""
    text: str = ""  #: part of the name
    within: str = ""  #: canonical name of a container that it lies in, however deep
    left_out: str = ""  #: anything: only those of which no file can hold something


_CONDITIONS = {
    "state": "state = :state",
    "root": "root_id = (SELECT id FROM root WHERE name = :root)",
    "cause": "cause = :cause",
    "text": "instr(name, :text)",
    "within": below("name", ":within"),
    "left_out": "left_out IS NOT NULL",
}


def page(path: Path, wanted: Wanted, *, after: int = 0) -> Page:
    """Return the page of assets that comes after an id."""
    values: dict[str, str | int] = {key: value for key, value in vars(wanted).items() if value}
    found = f"FROM asset WHERE {' AND '.join(['1', *map(_CONDITIONS.__getitem__, values)])}"
    why = "coalesce(reason, 'left out: ' || left_out) AS reason"
    query = (
        f"SELECT id, name, type, state, size_bytes, cause, {why} {found} AND id > :after"  # ours
    )
    values |= {"after": after, "most": _PAGE + 1, "counted": COUNTED + 1}
    with reading(path) as connection:
        (count,) = connection.execute(
            f"SELECT count(*) FROM (SELECT 1 {found} LIMIT :counted)",  # noqa: S608 # ours
            values,
        ).fetchone()
        if wanted.state:
            rows = _of_state(connection, query, values)[: _PAGE + 1]
        else:
            ordered = f"{query} ORDER BY id LIMIT :most"
            rows = connection.execute(ordered, values).fetchall()
        entries = [Entry(**dict(row)) for row in rows]
    return Page(entries[:_PAGE], entries[_PAGE - 1].id if len(entries) > _PAGE else None, count)


def _of_state(
    connection: sqlite3.Connection, query: str, values: Mapping[str, str | int]
) -> list[sqlite3.Row]:
    """Return the first rows of a state by id, each priority's by themselves.

    So their index has them in order; otherwise all of the state were sorted for each page.
    """
    priorities = connection.execute(
        "WITH RECURSIVE there(priority) AS ("
        " SELECT max(priority) FROM asset WHERE state = :state UNION ALL"
        " SELECT (SELECT max(priority) FROM asset"
        "  WHERE state = :state AND priority < there.priority)"
        " FROM there WHERE priority IS NOT NULL"
        ") SELECT priority FROM there WHERE priority IS NOT NULL",
        values,
    ).fetchall()
    rows = [
        row
        for (priority,) in priorities
        for row in connection.execute(
            f"{query} AND priority = :priority ORDER BY id LIMIT :most",
            {**values, "priority": priority},
        )
    ]
    return sorted(rows, key=lambda row: row["id"])


def latest_images(path: Path, *, limit: int) -> list[tuple[Entry, datetime]]:
    """Return the images that were verified last and have files, newest first, and when."""
    found: dict[int, tuple[Entry, datetime]] = {}
    with reading(path) as connection:
        # CROSS: by events. SQLite would rather begin with all assets that are verified.
        for row in connection.execute(
            "SELECT at, asset.id, asset.name, type, state, size_bytes, cause, reason"
            " FROM event CROSS JOIN asset ON asset.id = asset_id"
            " WHERE event.id > (SELECT coalesce(max(id), 0) FROM event) - ?"
            " AND to_state = 'verified' AND state = 'verified' AND type = 'IMAGE'"
            " AND EXISTS (SELECT 1 FROM plan JOIN file ON file.plan_id = plan.id"
            "  WHERE plan.asset_id = asset.id AND landed_at IS NOT NULL AND file.name LIKE '%.tif')"
            " ORDER BY event.id DESC",
            (_LATEST_EVENTS,),
        ):
            values = dict(row)
            at = datetime.fromtimestamp(values.pop("at"), UTC)
            found.setdefault(row["id"], (Entry(**values), at))
            if len(found) == limit:
                break
    return list(found.values())


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
            "SELECT cell, state, assets FROM cell JOIN root ON root.id = root_id"
            " WHERE removed_at IS NULL"
        ).fetchall()
        if sum(row["assets"] for row in rows) <= _FEW:
            return _footprints(connection) if rows else []
    squares = {divmod(row["cell"], CELLS_AROUND) for row in rows}
    side = 1
    while len(squares) > _MANY:
        squares = {(north // 2, east // 2) for north, east in squares}
        side *= 2
    places = _places(rows, side)
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

    @property
    def places(self) -> list[Path]:
        """Where they are."""
        return [self.mirror / self.folder / name for name in self.files]


def picture(path: Path, asset_id: int) -> Picture | None:
    """Return the files of a verified image; None if it is none, or has none."""
    with reading(path) as connection:
        asset = connection.execute(
            "SELECT asset.name, path, dest, revision FROM asset JOIN root ON root.id = root_id"
            " WHERE asset.id = ? AND type = 'IMAGE' AND state = 'verified'",
            (asset_id,),
        ).fetchone()
        rows = connection.execute(
            "SELECT file.part, file.name FROM plan JOIN file ON file.plan_id = plan.id"
            " LEFT JOIN task ON task.id = task_id"
            " WHERE asset_id = ? AND landed_at IS NOT NULL AND voided_at IS NULL"
            " AND (task_id IS NULL OR state = ?)"
            " AND plan.revision = (SELECT revision FROM asset WHERE id = asset_id)"
            " AND file.name LIKE '%.tif' ORDER BY task_id, file.name",
            (asset_id, TaskState.SUCCEEDED),
        ).fetchall()
    files = [row["name"] for row in rows if row["part"] == rows[0]["part"]]
    if asset is None or not files:
        return None
    return Picture(asset["name"], Path(asset["dest"]), asset["path"], asset["revision"], files)
