"""How it stood, now and then: samples that grow sparser with age, for curves over months.

And what ever happened, added up by the ledger's triggers.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from geesync.domain.json import from_seconds
from geesync.domain.mirror.lifecycle import State
from geesync.store.file.database import Database
from geesync.store.file.soundness import reading
from geesync.store.tables import notes
from geesync.store.views import status as views

#: (kept at every age beyond, one in each): all of the last two days, then hours, then days.
_THINNING = ((timedelta(days=2), timedelta(hours=1)), (timedelta(days=60), timedelta(days=1)))


@dataclass(frozen=True)
class Sample:
    """How it stood at one time."""

    at: datetime
    counts: dict[str, int]  #: assets by state, over all watched roots
    verified: int  #: moves to verified so far; only grows
    landed_bytes: int  #: downloaded so far; only grows
    queued: int  #: in the project, everybody's
    running: int


class Samples:
    """Takes samples; the daemon asks for one now and then."""

    def __init__(self, database: Database, kept: timedelta = timedelta(days=3650)) -> None:
        self._database = database
        self._kept = kept

    def take(self, now: datetime) -> None:
        """Write down how it stands, and forget what is too old to be kept so densely."""
        status = views.status(self._database.path, now=now)
        sums = totals(self._database.path)
        sample = Sample(
            at=now,
            counts=dict(status.counts),
            verified=int(
                sum(n for (_, after), n in sums.moves().items() if after == State.VERIFIED)
            ),
            landed_bytes=int(sums.sum_of("landed_bytes")),
            queued=status.queue.get("queued", 0),
            running=status.queue.get("running", 0),
        )
        values = {key: value for key, value in asdict(sample).items() if key != "at"}
        with self._database.write() as connection:
            connection.execute(
                sa.insert(notes.sample)
                .prefix_with("OR REPLACE")
                .values(at=now, told=json.dumps(values))
            )
            _thin(connection, now, self._kept)

    def last_at(self) -> datetime | None:
        """Return when the last sample was taken; None if there is none."""
        query = sa.select(notes.sample.c.at).order_by(notes.sample.c.at.desc()).limit(1)
        at: datetime | None = self._database.scalar(query)
        return at


def _thin(connection: sa.Connection, now: datetime, kept: timedelta) -> None:
    """Keep the last sample of each hour or day; ages are counted from whole hours and days."""
    for age, span in _THINNING:
        connection.execute(
            sa.text(
                "DELETE FROM sample WHERE at < :until AND at NOT IN"
                " (SELECT max(at) FROM sample GROUP BY CAST(at / :span_s AS INTEGER))"
            ),
            {"until": (now - age).timestamp(), "span_s": span.total_seconds()},
        )
    oldest = (now - kept).timestamp()
    connection.execute(sa.text("DELETE FROM sample WHERE at < :oldest"), {"oldest": oldest})


def since(path: Path, start: datetime) -> list[Sample]:
    """Return the samples from a time on, oldest first."""
    with reading(path) as connection:
        rows = connection.execute(
            "SELECT at, told FROM sample WHERE at >= ? ORDER BY at", (start.timestamp(),)
        )
        return [
            Sample(datetime.fromtimestamp(row["at"], UTC), **json.loads(row["told"]))
            for row in rows
        ]


@dataclass(frozen=True)
class Totals:
    """Sums since the ledger was made; they only grow."""

    values: dict[tuple[str, str], float]  #: by (name, label), as the triggers write them

    def by_label(self, name: str) -> dict[str, float]:
        """Return one total's parts by label."""
        return {label: value for (key, label), value in self.values.items() if key == name}

    def sum_of(self, name: str) -> float:
        """Return one total."""
        return sum(self.by_label(name).values())

    def moves(self) -> dict[tuple[str, str], float]:
        """Return how often assets moved, by (from, to); from "" is their first sight."""
        split = ((label.partition(">"), value) for label, value in self.by_label("moves").items())
        return {(before, after): value for (before, _, after), value in split}


def totals(path: Path) -> Totals:
    """Return everything that was added up."""
    with reading(path) as connection:
        rows = connection.execute("SELECT name, label, value FROM total").fetchall()
        return Totals({(row["name"], row["label"]): row["value"] for row in rows})


#: Events looked at for the last move: bounds the question, whatever the history.
_LATEST_EVENTS = 5_000


def moved_at(path: Path) -> datetime | None:
    """Return when an asset last changed its state; None if none did lately."""
    with reading(path) as connection:
        at = connection.execute(
            "SELECT at FROM event WHERE from_state IS NOT to_state"
            " AND id > (SELECT coalesce(max(id), 0) FROM event) - ? ORDER BY id DESC LIMIT 1",
            (_LATEST_EVENTS,),
        ).fetchone()
        return from_seconds(at and at[0])
