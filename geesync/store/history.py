"""The history: what happened to each asset, told in rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from geesync.domain.lifecycle import Event, State
from geesync.store import schema


@dataclass(frozen=True)
class Told:
    """What the history is told of one asset; no event is its first sight."""

    asset_id: int
    event: Event | None
    before: State | None
    after: State


def remember(connection: sa.Connection, told: Iterable[Told], now: datetime) -> None:
    """Write rows of the history."""
    rows = [
        {
            "asset_id": one.asset_id,
            "at": now,
            "name": one.event.name if one.event else "Discovered",
            "from_state": one.before,
            "to_state": one.after,
            "detail": (one.event.reason or None) if one.event else None,
        }
        for one in told
    ]
    if rows:
        connection.execute(sa.insert(schema.event), rows)
