"""How listed assets get into the ledger: new ones, and those that changed, a batch at a time."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from geesync.domain.assets.asset import SourceAsset
from geesync.domain.assets.names import parent_of
from geesync.domain.mirror.layout import asset_path, distinct
from geesync.domain.mirror.lifecycle import ABSENT, Included, SourceChanged, SourceReappeared, State
from geesync.domain.state_machine import Event
from geesync.store.file.rows import change_rows, insert_rows
from geesync.store.ledger.ledger import LedgerAsset, Move, record_in
from geesync.store.tables import notes, schema
from geesync.store.tables.columns import is_among
from geesync.store.tables.states import UNREAD

#: What it means that an asset of such a state is listed, and wanted.
_BACK: dict[State, type[Event]] = {
    **dict.fromkeys(ABSENT, SourceReappeared),
    State.EXCLUDED: Included,
}


def differs(known: Any, source: SourceAsset, dest: str) -> bool:
    """Whether it must be taken anew; one that is taken over may lie in another mirror.

    known: its row, with state, revision and dest.
    """
    return known.state in _BACK or known.revision != source.revision or known.dest != dest


def insert(
    connection: sa.Connection,
    root_id: int,
    sources: Sequence[SourceAsset],
    priority: int,
    now: datetime,
    *,
    is_read: bool = True,
) -> None:
    """Take in assets that nobody knows yet; priority: where no container gives one.

    is_read: whether their metadata is known, not only their names.
    """
    if not sources:
        return
    table = schema.asset.c
    query = sa.select(table.id, table.name, table.path, table.priority).where(
        is_among(table.name, {parent_of(source.name) for source in sources})
    )
    containers = {row.name: row for row in connection.execute(query)}
    paths = _paths(connection, sources, containers)
    newest = connection.execute(sa.select(sa.func.max(table.id))).scalar() or 0
    ids = {source.name: newest + number for number, source in enumerate(sources, 1)}
    rows = [
        {
            "id": ids[source.name],
            "root_id": root_id,
            "name": source.name,
            "parent_id": container.id if container else None,
            "type": source.type,
            "path": paths[source.name],
            "revision": source.revision if is_read else UNREAD,
            "size_bytes": source.size_bytes,
            "state": State.DISCOVERED.value,  # SQLite's client adapts each str that is an enum
            "seen_at": now,
            "priority": container.priority if container else priority,
            **_place(source),
        }
        for source in sources
        for container in [containers.get(parent_of(source.name))]
    ]
    insert_rows(connection, schema.asset, rows)
    _take_children(connection, {s.name: ids[s.name] for s in sources if s.is_container})
    kept = [{"asset_id": ids[source.name], "json": source.written} for source in sources]
    insert_rows(connection, schema.source, kept)
    seen = {"at": now, "name": "Discovered", "to_state": State.DISCOVERED.value}
    insert_rows(connection, notes.event, [{"asset_id": key, **seen} for key in ids.values()])


def _take_children(connection: sa.Connection, containers: Mapping[str, int]) -> None:
    """Give new containers the children that were known before them; mostly there are none."""
    table = schema.asset
    for name, container_id in containers.items():
        query = sa.select(table.c.id, table.c.name).where(
            schema.below(table.c.name, name), table.c.parent_id.is_(None)
        )
        found = connection.execute(query)
        children = {row.id for row in found if parent_of(row.name) == name}
        change_rows(connection, table, {key: {"parent_id": container_id} for key in children})


def _paths(
    connection: sa.Connection, sources: Sequence[SourceAsset], containers: Mapping[str, Any]
) -> dict[str, str]:
    """Return a folder for each new asset that no other has, whatever the file system's case."""
    paths = {}
    for source in sources:
        container = containers.get(parent_of(source.name))
        paths[source.name] = asset_path(source.name, container.path if container else None)
    column = schema.asset.c.path
    query = sa.select(column).where(is_among(column, paths.values()))
    taken = {_folded(path) for path in connection.execute(query).scalars()}
    for name, path in paths.items():
        if (folded := _folded(path)) in taken:
            paths[name] = distinct(path)
            folded = _folded(paths[name])
        taken.add(folded)
    return paths


def _folded(path: str) -> str:
    """Return a path as SQLite's NOCASE compares it: without case in ASCII only."""
    return path.lower() if path.isascii() else path.translate(_ASCII_LOWER)


_ASCII_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def renew(
    connection: sa.Connection, changed: Sequence[tuple[LedgerAsset, SourceAsset]], now: datetime
) -> None:
    """Take in what is new about assets, unless somebody moved them meanwhile."""
    moved = record_in(connection, [_news(*pair) for pair in changed], now)
    for asset, source in changed:
        if asset.id in moved:
            describe(connection, asset.id, source)
    anew = {
        # The next plan finds out what is left out of it now.
        asset.id: {"type": source.type, "revision": source.revision, "left_out": None}
        for asset, source in changed
        if asset.id in moved
    }
    change_rows(connection, schema.asset, anew)


def _news(asset: LedgerAsset, source: SourceAsset) -> Move:
    if back := _BACK.get(asset.standing.state):
        return Move(asset, back())
    before = asset.revision if asset.revision != UNREAD else "unread"
    return Move(asset, SourceChanged(f"{before} → {source.revision}"))


def describe(connection: sa.Connection, asset_id: int, source: SourceAsset) -> None:
    """Write the metadata of an asset."""
    asset, table = schema.asset, schema.source
    values = {"size_bytes": source.size_bytes, **_place(source)}
    connection.execute(sa.update(asset).where(asset.c.id == asset_id).values(values))
    connection.execute(
        sa.update(table).where(table.c.asset_id == asset_id).values(json=source.json)
    )


def _place(source: SourceAsset) -> dict[str, float | None]:
    box = source.box
    return dict(vars(box)) if box else dict.fromkeys(("west", "south", "east", "north"))
