"""How fast assets come home, and how long the rest will take.

By what is left of each kind of work and how fast that kind went of late. Folders and collections
take no time and do not count.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from geesync.domain.mirror.lifecycle import State
from geesync.store.tables.states import CONTAINER_TYPES

_WINDOW = timedelta(hours=1)

#: Events looked at: bounds the question, whatever the history.
_MOST_EVENTS = 20_000

_LEAF = f"type NOT IN ({CONTAINER_TYPES})"

#: Each kind of work: the states before it, and those in which an asset is when it is done.
_WORK: tuple[tuple[Collection[State], Collection[State]], ...] = (
    ({State.DISCOVERED, State.EXPORTING}, {State.IN_BUCKET, State.DOWNLOADED}),
    ({State.DISCOVERED, State.EXPORTING, State.IN_BUCKET}, {State.DOWNLOADED}),
    ({State.DISCOVERED, State.EXPORTING, State.IN_BUCKET, State.DOWNLOADED}, {State.VERIFIED}),
)


@dataclass(frozen=True)
class Pace:
    """How it went in the last hour."""

    per_hour: float = 0.0  #: assets verified that took any time: no folders, no collections
    left: timedelta | None = None  #: until all is here at this rate; None if that is not known


def pace(connection: sqlite3.Connection, now: datetime, root: str | None) -> Pace:
    """Return the pace of all, and what it means for the rest of all watched roots, or of one."""
    newest = connection.execute("SELECT id, at FROM event ORDER BY id DESC LIMIT 1").fetchone()
    since = (now - _WINDOW).timestamp()
    if newest is None or newest["at"] <= since:
        return Pace()
    rows = connection.execute(
        "SELECT from_state, to_state, count(*) AS assets, min(at) AS first"  # noqa: S608 # ours
        " FROM event JOIN asset ON asset.id = asset_id"
        f" WHERE event.id > ? AND at > ? AND from_state <> to_state AND {_LEAF} GROUP BY 1, 2",
        (newest["id"] - _MOST_EVENTS, since),
    ).fetchall()
    if not rows:
        return Pace()
    hours = max((now.timestamp() - min(row["first"] for row in rows)) / 3600, 1 / 60)
    left = _left(connection, root)
    spans = []
    for before, after in _WORK:
        waiting = sum(left.get(state, 0) for state in before)
        done = sum(
            row["assets"]
            for row in rows
            if row["to_state"] in after and row["from_state"] in before
        )
        if waiting:
            spans.append(timedelta(hours=waiting * hours / done) if done else None)
    verified = sum(row["assets"] for row in rows if row["to_state"] == State.VERIFIED)
    known = [span for span in spans if span is not None]
    return Pace(verified / hours, max(known) if known and len(known) == len(spans) else None)


def _left(connection: sqlite3.Connection, root: str | None) -> dict[str, int]:
    rows = connection.execute(
        "SELECT state, sum(assets) AS assets FROM tally JOIN root ON root.id = root_id"  # noqa: S608 # ours
        f" WHERE removed_at IS NULL AND (?1 IS NULL OR name = ?1) AND {_LEAF} GROUP BY state",
        (root,),
    )
    return {row["state"]: row["assets"] for row in rows}
