"""What a scan saw, against what the ledger knows: new, changed, unseen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from geesync.domain.assets.asset import CONTAINERS, SourceAsset
from geesync.domain.mirror.layout import FREED_JSON
from geesync.domain.mirror.lifecycle import ABSENT, Excluded, SourceFreed, SourceGone, State
from geesync.domain.state_machine import Refused
from geesync.errors import Cause
from geesync.store.file.database import Records
from geesync.store.file.rows import change_rows, insert_rows
from geesync.store.ledger.intake import describe, differs, insert, renew
from geesync.store.ledger.ledger import (
    Ledger,
    LedgerAsset,
    Move,
    assets_in,
    note_readable,
    read_asset,
    record_in,
    select_assets,
)
from geesync.store.tables import schema
from geesync.store.tables.columns import is_among
from geesync.store.tables.making import freed

#: The details of events about assets that are no longer there.
FREED = "deleted there on a person's word, kept here"
_GONE = "no longer listed, and not found"

#: States in which a filter still stops an asset.
_STOPPABLE = (State.DISCOVERED, State.QUARANTINED)


@dataclass(frozen=True)
class Observed:
    """What one batch of listed assets meant."""

    new: int = 0
    changed: int = 0
    unreadable: frozenset[str] = frozenset()  #: containers that could not be listed until now
    emptied: tuple[str, ...] = ()  #: containers that are none any more


class Sightings:
    """The names that the listing of one container showed."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def see(self, names: Iterable[str]) -> None:
        """Note names of a page."""
        rows = [(name,) for name in names]
        if rows:
            with self._connection.begin():
                self._connection.exec_driver_sql(
                    "INSERT OR IGNORE INTO temp.sighting VALUES (?)", rows
                )

    def unseen(self, root_id: int, parent: str, *, after: str, limit: int) -> list[LedgerAsset]:
        """Return a page of the container's known assets that the listing did not show, by name."""
        not_seen = sa.text("asset.name NOT IN (SELECT name FROM temp.sighting)")
        query = _children(root_id, parent, after, limit).where(not_seen)
        with self._connection.begin():
            return [read_asset(row) for row in self._connection.execute(query)]


class Listing(Records):
    """Takes in what Earth Engine lists. A scan of an unchanged account writes nothing."""

    def observe(
        self,
        root_id: int,
        listed: Sequence[SourceAsset],
        now: datetime,
        *,
        priority: int = 0,
        given_up: Callable[[int, SourceAsset], bool] = lambda *_: False,
    ) -> Observed:
        """Take in a batch of listed assets: new ones, changed ones, those that are back.

        New ones take their container's priority, the first one the given. What another root
        already mirrors is left to it, unless that root was removed. Writes
        nothing where nothing changed.
        given_up: whether a root, by its id, leaves an asset out that was its own.
        """
        batch = {source.name: source for source in listed}  # pages may hold doubles
        known = self._known(list(batch))
        root = schema.root.c
        dest = self._database.scalar(sa.select(root.dest).where(root.id == root_id))
        fresh = [source for name, source in batch.items() if name not in known]
        mine = [
            row
            for row in known.values()
            if row.root_id == root_id or row.removed_at or given_up(row.root_id, batch[row.name])
        ]
        changed = [row.id for row in mine if differs(row, batch[row.name], dest)]
        unproved = {row.id: batch[row.name] for row in mine if row.state == State.DOWNLOADED}
        wrongly_described = self._wrongly_described(unproved)
        adopted = [row.id for row in mine if row.root_id != root_id]
        # Whether a container can be read is known when it is listed.
        readable = [row.id for row in mine if row.why and not batch[row.name].is_container]
        if fresh or changed or adopted or readable or wrongly_described:
            with self._database.write() as connection:
                insert(connection, root_id, fresh, priority, now)
                news = assets_in(connection, is_among(schema.asset.c.id, changed))
                renew(connection, [(asset, batch[asset.name]) for asset in news], now)
                moved = {key: {"root_id": root_id} for key in adopted}
                change_rows(connection, schema.asset, moved)
                note_readable(connection, readable)
                for key, source in wrongly_described.items():  # by a found copy's sidecars
                    describe(connection, key, source)
        return Observed(
            len(fresh),
            len(changed),
            frozenset(row.name for row in mine if row.why and batch[row.name].is_container),
            tuple(
                row.name
                for row in mine
                if row.type in CONTAINERS and not batch[row.name].is_container
            ),
        )

    def _wrongly_described(self, listed: Mapping[int, SourceAsset]) -> dict[int, SourceAsset]:
        """Return those of which the ledger has something else at the same revision."""
        table = schema.source
        query = sa.select(table).where(is_among(table.c.asset_id, listed))
        return {
            row.asset_id: listed[row.asset_id]
            for row in (self._database.rows(query) if listed else ())
            if row.json != listed[row.asset_id].json
        }

    def revisions(self, names: Sequence[str]) -> dict[str, str]:
        """Return the revision of each of these assets that is known, by name."""
        return {name: row.revision for name, row in self._known(list(names)).items()}

    def absences(self, assets: Sequence[LedgerAsset]) -> list[Move]:
        """Return what it means that assets are absent: freed, or gone.

        Freed are those whose deletion a person asked for since their copies were proved, or whose
        copies are marked so: a ledger that was rebuilt knows nothing else of it.
        """
        ids = [asset.id for asset in assets if asset.standing.state == State.VERIFIED]
        asked = (
            sa.select(schema.asset.c.id)
            .join(freed, freed.c.asset_id == schema.asset.c.id)
            .where(is_among(freed.c.asset_id, ids), freed.c.asked_at >= schema.asset.c.verified_at)
        )
        mark = schema.sidecar.c
        marked = sa.select(mark.asset_id).where(
            is_among(mark.asset_id, ids), mark.name == FREED_JSON
        )
        on_our_word = set(self._database.scalars(asked.union(marked))) if ids else set()
        return [
            Move(asset, SourceFreed(FREED) if asset.id in on_our_word else SourceGone(_GONE))
            for asset in assets
        ]

    def note_unreadable(
        self,
        root_id: int,
        unreadable: Sequence[tuple[SourceAsset, str]],
        now: datetime,
        *,
        priority: int = 0,
    ) -> set[str]:
        """Take in what is listed and cannot be read, or cannot be listed, each with the answer.

        Of what nobody knows yet there is a name only: it rests in quarantine until a scan can read
        it. Nothing else is concluded. Returns the names of those that are newly so.
        """
        by_name = {source.name: (source, why) for source, why in unreadable}
        known = self._known(list(by_name))
        fresh = [source for name, (source, _) in by_name.items() if name not in known]
        notes = {
            row.id: by_name[row.name][1]
            for row in known.values()
            if row.root_id == root_id and row.why != by_name[row.name][1]
        }
        if fresh or notes:
            with self._database.write() as connection:
                insert(connection, root_id, fresh, priority, now, is_read=False)
                is_fresh = is_among(schema.asset.c.name, [source.name for source in fresh])
                unread = assets_in(connection, is_fresh)
                whys = {asset.id: by_name[asset.name][1] for asset in unread}
                moves = [
                    Move(asset, Refused(whys[asset.id], cause=Cause.UNREADABLE)) for asset in unread
                ]
                record_in(connection, moves, now)
                rows = [{"asset_id": key, "why": why} for key, why in (notes | whys).items()]
                insert_rows(connection, schema.unreadable, rows, instead="REPLACE")
        newly = {row.name for row in known.values() if row.id in notes and not row.why}
        return newly | {source.name for source in fresh}

    def note_readable(self, root_id: int, names: Sequence[str]) -> None:
        """Take in that assets of a root can be read again, and listed."""
        rows = self._known(list(names)).values()
        readable = [row.id for row in rows if row.why and row.root_id == root_id]
        if readable:
            with self._database.write() as connection:
                note_readable(connection, readable)

    def leave_out(
        self, root_id: int, left: Sequence[tuple[SourceAsset, str]], now: datetime
    ) -> int:
        """Take in what the root's filters leave out, each with its reason; returns how many moved.

        Only what is not yet on its way stops, with all that is known below it: what was paid for
        is brought home, and what is on disk stays there.
        """
        name = schema.asset.c.name
        count = 0
        for why in {why for _, why in left}:
            sources = [source for source, reason in left if reason == why]
            # Named one by one, SQLite sees that they are fewer than all that could be stopped.
            count += self._exclude(root_id, name.in_([source.name for source in sources]), why, now)
            for container in (source.name for source in sources if source.is_container):
                count += self._exclude(root_id, schema.within(container), why, now)
        return count

    def _exclude(self, root_id: int, which: sa.ColumnElement[bool], why: str, now: datetime) -> int:
        table = schema.asset
        stoppable = (table.c.root_id == root_id) & table.c.state.in_(_STOPPABLE)
        query = select_assets().where(which, stoppable)
        return Ledger(self._database).move_all(query, Excluded(why), now)

    def prioritise(self, root_id: int, name: str, priority: int) -> None:
        """Give all assets of a root its priority, if it is a new one: the top bears the old."""
        table = schema.asset
        other = (table.c.name == name) & (table.c.priority != priority)
        if self._database.rows(sa.select(table.c.id).where(other)):
            of_root = sa.update(table).where(table.c.root_id == root_id)
            self._database.execute(of_root.values(priority=priority))

    def _known(self, names: list[str]) -> dict[str, Any]:
        """Return by name the columns that show whether an asset has changed: most have not."""
        table = schema.asset.c
        query = (
            sa.select(
                *(table.id, table.root_id, table.name, table.type),
                *(table.state, table.revision, schema.unreadable.c.why),
                *(schema.root.c.dest, schema.root.c.removed_at),
            )
            .join(schema.root)
            .outerjoin(schema.unreadable)
            .where(is_among(table.name, names))
        )
        return {row.name: row for row in self._database.rows(query)}

    @contextmanager
    def sightings(self) -> Iterator[Sightings]:
        """Open a note of what a listing shows, on disk: a container may hold a million."""
        with self._database.connection() as connection:
            with connection.begin():
                connection.execute(
                    sa.text("CREATE TEMP TABLE sighting (name TEXT PRIMARY KEY) WITHOUT ROWID")
                )
            try:
                yield Sightings(connection)
            finally:
                with connection.begin():
                    connection.execute(sa.text("DROP TABLE temp.sighting"))

    def children(self, root_id: int, parent: str, *, after: str, limit: int) -> list[LedgerAsset]:
        """Return a page of the container's assets that are not gone, by name."""
        return self._database.select(_children(root_id, parent, after, limit), read_asset)


def _children(root_id: int, parent: str, after: str, limit: int) -> sa.Select[tuple[object, ...]]:
    """Return the query of a page of a container's assets that are not gone, by name.

    Those of roots that were removed are among them: nobody else looks whether they are there.
    """
    asset, root = schema.asset.c, schema.root.c
    is_ours = (asset.root_id == root_id) | root.removed_at.is_not(None)
    container = sa.select(asset.id).where(asset.name == parent).scalar_subquery()
    return (
        select_assets()
        .where(asset.parent_id == container, is_ours, asset.name > after)
        .where(asset.state.not_in(ABSENT))
        .order_by(asset.name)
        .limit(limit)
    )
