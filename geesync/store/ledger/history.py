"""The history: what happened to each asset, told in rows, and which of them are forgotten."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from geesync.domain.mirror.lifecycle import Standing, State
from geesync.domain.state_machine import Delayed, Event
from geesync.store.file.database import Database
from geesync.store.file.rows import insert_rows
from geesync.store.tables import notes, schema


@dataclass(frozen=True)
class HistoryRow:
    """What the history is told of one asset; no event is its first sight."""

    asset_id: int
    event: Event | None
    before: State | None
    after: State


def is_repeated(event: Event, before: Standing, after: Standing) -> bool:
    """Whether it was told before: a night's outage is one line in the history, not a thousand."""
    same = (before.cause, before.reason) == (after.cause, after.reason)
    return same and isinstance(event, Delayed)


def remember(connection: sa.Connection, history: Iterable[HistoryRow], now: datetime) -> None:
    """Write rows of the history."""
    rows = [
        {
            "asset_id": row.asset_id,
            "at": now,
            "name": row.event.name if row.event else "Discovered",
            "from_state": row.before,
            "to_state": row.after,
            "detail": (row.event.reason or None) if row.event else None,
        }
        for row in history
    ]
    insert_rows(connection, notes.event, rows)


#: Events that are looked at in one transaction.
_BATCH = 1000

#: What is on its way, or failed for good, keeps its whole history.
_FORGETTABLE = (State.VERIFIED, State.GONE, State.EXCLUDED)


class History:
    """Forgets the oldest of what happened to assets at rest."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def forget(self, *, keep: int, after: int) -> int | None:
        """Look at the oldest events after an id, and delete those of assets at rest.

        keep: newest events that are not touched. Returns the id after which to go on; None if none
        is older.
        """
        event, asset = notes.event, schema.asset
        newest = sa.select(sa.func.max(event.c.id)).scalar_subquery()
        old = (
            sa.select(event.c.id)
            .where(event.c.id > after, event.c.id <= newest - keep)
            .order_by(event.c.id)
            .limit(_BATCH)
        )
        with self._database.read() as connection:
            until = connection.execute(sa.select(sa.func.max(old.subquery().c.id))).scalar()
        if until is None:
            return None
        state = sa.select(asset.c.state).where(asset.c.id == event.c.asset_id).scalar_subquery()
        with self._database.write() as connection:
            connection.execute(
                sa.delete(event)
                .where(event.c.id > after, event.c.id <= until)
                .where(state.in_(_FORGETTABLE))
            )
        return int(until)
