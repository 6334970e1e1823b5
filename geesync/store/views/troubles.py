"""What goes wrong now, by kind of failure."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from geesync.domain.json import from_seconds
from geesync.domain.mirror.lifecycle import State


@dataclass(frozen=True)
class Trouble:
    """Failures of one kind, with an example."""

    cause: str
    count: int
    example: str  #: an asset's name
    reason: str
    state: str
    next_at: datetime | None = None  #: when the first of them is tried again; None: not by itself

    @property
    def rests(self) -> bool:
        """Whether a person must look: it is not tried again by itself."""
        return self.state == State.QUARANTINED


def troubles(connection: sqlite3.Connection) -> list[Trouble]:
    """Return each kind of failure that there is: what needs a person first, then what is many."""
    rows = connection.execute(
        "SELECT cause, asset.state, assets AS count, name AS example, reason,"
        " (SELECT min(not_before) FROM asset AS failed"
        "  WHERE failed.cause = trouble.kind AND failed.state = trouble.state) AS next_at"
        " FROM trouble"
        " JOIN asset ON asset.id = (SELECT id FROM asset AS failed"
        "  WHERE failed.cause = trouble.kind AND failed.state = trouble.state"
        "  ORDER BY not_before LIMIT 1)"
        " WHERE assets > 0 ORDER BY asset.state = 'quarantined' DESC, assets DESC"
    )
    return [
        Trouble(
            *(row["cause"], row["count"], row["example"], row["reason"] or "", row["state"]),
            next_at=from_seconds(row["next_at"]),
        )
        for row in rows
    ]
