"""The ledger: which asset stands where, and how it came there. The only writer of a state."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from geesync.domain.assets.asset import CONTAINERS, IMAGE, SourceAsset
from geesync.domain.json import Json
from geesync.domain.mirror.lifecycle import (
    LIFE,
    CheckPassed,
    Excluded,
    Recovered,
    SourceChanged,
    SourceFreed,
    SourceGone,
    SourceReappeared,
    Standing,
    State,
)
from geesync.domain.state_machine import Delayed, Event
from geesync.domain.tasks.exports import Way
from geesync.store.file.database import Records
from geesync.store.file.rows import change_rows, insert_rows
from geesync.store.tables import notes, schema
from geesync.store.tables.columns import (
    has_come,
    is_among,
    read_as,
    read_columns,
    read_standing,
    standing_columns,
)
from geesync.store.tables.states import ASSET_STORE, IS_PAUSED, IS_UNSEEN
from geesync.store.tasks.plans import live_files, replace_in, void_in
from geesync.store.tasks.tasks import give_up_in


@dataclass(frozen=True)
class LedgerAsset:
    """An asset as the ledger knows it."""

    id: int
    root_id: int
    name: str
    type: str
    path: str  #: folder relative to the root's mirror
    dest: str  #: the root's mirror, absolute
    bucket: str  #: where the root stages its objects
    options: Json  #: the root's own, in place of what is configured
    revision: str
    size_bytes: int
    standing: Standing
    version: int  #: of this row; another writer moves it

    @property
    def is_container(self) -> bool:
        """Whether other assets lie in it."""
        return self.type in CONTAINERS


@dataclass(frozen=True)
class Move:
    """Something that happened to an asset as it was seen."""

    asset: LedgerAsset
    event: Event


#: Events after which nothing that was asked for before is of use: it is asked for anew. Of copies
#: that turn out bad the steps report each; their siblings stay.
_VOIDS_COPIES = (SourceChanged, SourceReappeared, SourceGone, SourceFreed, Recovered)

#: Events after which no scan asks for it any more.
_NOT_ASKED_FOR = (SourceGone, SourceFreed, Excluded)

#: Assets that are moved in one transaction.
_CHUNK = 500

#: Where the plan of an asset sends its files; null while nobody knows, and of what comes directly.
STORE: sa.ColumnClause[str] = sa.literal_column(ASSET_STORE)


class Ledger(Records):
    """Assets and their states. Steps report events; only ``record`` turns them into states."""

    def due(
        self,
        state: State,
        *,
        now: datetime,
        limit: int,
        not_in: Collection[str] = (),
        way: Way | None = None,
        of: Collection[str] = (),
        not_of: Collection[str] = (),
    ) -> list[LedgerAsset]:
        """Return assets in a state whose time has come: highest priority first, then oldest.

        not_in: mirrors that take nothing now. way: of discovered assets, leaves out what has a plan
        for the other; containers do not come directly. of, not_of: only what a plan sends to these
        stores, or leaves that out. What is paused is not due, nor what was
        found in the mirror since its root was scanned.
        """
        table = schema.asset
        query = (
            select_assets()
            .where(table.c.state == state, schema.root.c.removed_at.is_(None))
            .where(schema.root.c.paused_at.is_(None), schema.root.c.dest.not_in(not_in))
            .where(sa.text(f"NOT {IS_PAUSED} AND NOT {IS_UNSEEN}"))
            .where(has_come(table.c.not_before, now))
            .order_by(table.c.priority.desc(), table.c.id)
            .limit(limit)
        )
        if way is not None:
            query = query.where(sa.text(schema.MAY_COME[way]))
            query = query.with_hint(table, f"INDEXED BY ix_asset_{way}", "sqlite")
        if way == Way.DIRECT:
            query = query.where(table.c.type.not_in(CONTAINERS))
        if of:
            query = query.where(STORE.in_(of))
        if not_of:
            query = query.where(STORE.is_(None) | STORE.not_in(not_of))
        return self._database.select(query, read_asset)

    def assets(self, ids: Iterable[int]) -> list[LedgerAsset]:
        """Return the assets with these ids, as they are now."""
        query = select_assets().where(is_among(schema.asset.c.id, ids))
        return self._database.select(query, read_asset)

    def images_of(self, root_id: int) -> list[LedgerAsset]:
        """Return the images of a root, by name."""
        table = schema.asset
        query = select_assets().where(table.c.root_id == root_id, table.c.type == IMAGE)
        return self._database.select(query.order_by(table.c.name), read_asset)

    def find(self, name: str) -> LedgerAsset | None:
        """Return the asset of this canonical name, or None."""
        query = select_assets().where(schema.asset.c.name == name)
        return next(iter(self._database.select(query, read_asset)), None)

    def goes_to(self, store: str) -> bool:
        """Whether what is watched is still to go to a store, or to come from it, or may have to."""
        coming = schema.asset.c.state.in_((State.DISCOVERED, State.EXPORTING, State.IN_BUCKET))
        there = STORE.is_(None) | STORE.in_([store])
        query = sa.select(schema.asset.c.id).join(schema.root).limit(1)
        query = query.where(coming, schema.root.c.removed_at.is_(None), there)
        return self._database.scalar(query) is not None

    def leave_out(self, left: Mapping[int, str]) -> None:
        """Note what of assets cannot be taken as files: ``{asset id: reasons}``."""
        if left:
            reasons = {asset_id: {"left_out": reason} for asset_id, reason in left.items()}
            with self._database.write() as connection:
                change_rows(connection, schema.asset, reasons)

    def sources_of(self, assets: Sequence[LedgerAsset]) -> dict[int, SourceAsset]:
        """Return the metadata of each asset at its recorded revision, by id."""
        ids = [asset.id for asset in assets]
        query = sa.select(schema.source).where(is_among(schema.source.c.asset_id, ids))
        return {row.asset_id: SourceAsset(row.json) for row in self._database.rows(query)}

    def move_all(self, query: sa.Select[tuple[object, ...]], event: Event, now: datetime) -> int:
        """Move all assets of a query of ``select_assets``, which the event makes leave it.

        A chunk in each transaction, so that the daemon can write in between. Returns how many.
        """
        count = 0
        while assets := self._database.select(query.limit(_CHUNK), read_asset):
            count += self.record([Move(asset, event) for asset in assets], now)
        return count

    def record(self, moves: Sequence[Move], now: datetime) -> int:
        """Move assets on, each with its row in the history, in one transaction.

        An asset that somebody else moved since it was read is left alone: what was seen no longer
        holds, and it will be seen again. Returns how many moved. Raises IllegalEvent for a bug.
        """
        if not moves:
            return 0
        with self._database.write() as connection:
            return len(record_in(connection, moves, now))


def record_in(connection: sa.Connection, moves: Sequence[Move], now: datetime) -> set[int]:
    """Move assets within a transaction; return the ids of those that nobody moved since."""
    fresh = _unmoved(connection, moves)
    changes: dict[int, dict[str, object]] = {}
    history: list[dict[str, object]] = []
    for asset_id, move in fresh.items():
        before, event = move.asset.standing, move.event
        after = LIFE.advance(before, event, now)
        changes[asset_id] = standing_columns(after, move.asset.version) | _dates(move, now)
        if not _is_repeated(event, before, after):
            row = {
                "asset_id": asset_id,
                "at": now,
                "name": event.name,
                "detail": event.reason or None,
            }
            history.append(row | {"from_state": before.state, "to_state": after.state})
    change_rows(connection, schema.asset, changes)
    insert_rows(connection, notes.event, history)
    _prove(connection, fresh.values(), now)
    _void_copies(connection, fresh.values(), now)
    note_readable(
        connection, [key for key, move in fresh.items() if isinstance(move.event, _NOT_ASKED_FOR)]
    )
    return set(fresh)


def _dates(move: Move, now: datetime) -> dict[str, object]:
    """Return the columns with the dates of what just became true."""
    if isinstance(move.event, CheckPassed):
        return {"verified_at": now, "verified_revision": move.asset.revision}
    return {"gone_at": now} if isinstance(move.event, SourceGone | SourceFreed) else {}


def _is_repeated(event: Event, before: Standing, after: Standing) -> bool:
    """Whether it is in the history: a night's outage is one line there, not a thousand."""
    same = (before.cause, before.reason) == (after.cause, after.reason)
    return same and isinstance(event, Delayed)


def note_readable(connection: sa.Connection, asset_ids: Collection[int]) -> None:
    """Forget, within a transaction, that assets could not be read."""
    if asset_ids:
        table = schema.unreadable
        connection.execute(sa.delete(table).where(is_among(table.c.asset_id, asset_ids)))


def _unmoved(connection: sa.Connection, moves: Sequence[Move]) -> dict[int, Move]:
    """Return the first move of each asset that is still as it was seen."""
    table = schema.asset
    ids = [move.asset.id for move in moves]
    query = sa.select(table.c.id, table.c.version).where(is_among(table.c.id, ids))
    versions = {row.id: row.version for row in connection.execute(query)}
    return {
        move.asset.id: move
        for move in reversed(moves)
        if versions.get(move.asset.id) == move.asset.version
    }


def _prove(connection: sa.Connection, moves: Iterable[Move], now: datetime) -> None:
    proved = [move.asset.id for move in moves if isinstance(move.event, CheckPassed)]
    if proved:
        table = schema.asset
        first = is_among(table.c.id, proved) & table.c.proved_at.is_(None)
        connection.execute(sa.update(table).where(first).values(proved_at=now))


def _void_copies(connection: sa.Connection, moves: Iterable[Move], now: datetime) -> None:
    moves = [move for move in moves if isinstance(move.event, _VOIDS_COPIES)]
    voided = [move.asset.id for move in moves]
    if voided:
        proved = [move.asset.id for move in moves if move.asset.standing.state == State.VERIFIED]
        # Their files stay on disk, when nothing is known of their tasks any more.
        note = sa.insert(schema.sidecar).prefix_with("OR REPLACE")
        columns = ("asset_id", "name", "size_bytes", "crc32c")
        connection.execute(note.from_select(columns, live_files(proved)))
        give_up_in(connection, schema.of_assets(voided), now)
        void_in(connection, is_among(schema.plan.c.asset_id, voided), now)
        replace_in(connection, voided, now)


def select_assets() -> sa.Select[tuple[object, ...]]:
    """Return the query whose rows ``read_asset`` reads; callers narrow it."""
    root = schema.root
    return sa.select(*_COLUMNS, root.c.dest, root.c.bucket, root.c.options).join(root)


def assets_in(connection: sa.Connection, where: sa.ColumnElement[bool]) -> list[LedgerAsset]:
    """Return within a transaction the assets of which this is true."""
    return [read_asset(row) for row in connection.execute(select_assets().where(where))]


def read_asset(row: sa.Row[Any]) -> LedgerAsset:
    """Return the asset of a row."""
    standing = read_standing(row, State)
    return read_as(LedgerAsset, row, options=_options(row.options), standing=standing)


_options = lru_cache(json.loads)  # a root's, for each of its assets

_COLUMNS = read_columns(schema.asset, LedgerAsset)
