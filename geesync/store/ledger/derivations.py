"""What people's functions make, and how far it is. The only writer of a result's state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from geesync.domain.derive.lifecycle import (
    DerivedCancelled,
    DerivedEvent,
    DerivedRetried,
    DerivedStanding,
    DerivedState,
    advance_derived,
)
from geesync.domain.json import Json
from geesync.errors import Cause
from geesync.store.file.database import Database
from geesync.store.file.rows import change_rows, insert_rows
from geesync.store.ledger.roots import ask_in
from geesync.store.tables.deriving import derived


@dataclass(frozen=True)
class Planned:
    """A result that is to be made."""

    job: str
    source: str
    revision: str
    expression: str
    target: str
    request: Json
    in_flight: int


@dataclass(frozen=True)
class Derived:
    """A result, as the ledger knows it."""

    id: int
    planned: Planned
    standing: DerivedStanding
    version: int


@dataclass(frozen=True)
class DerivedMove:
    """Something that happened to a result as it was seen."""

    result: Derived
    event: DerivedEvent


class Derivations:
    """Results. Steps report events; only ``record`` turns them into states."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, planned: Iterable[Planned], now: datetime) -> int:
        """Write down results that are to be made; return how many are new.

        One that is known for its target, in whatever state but cancelled, stays as it is.
        """
        with self._database.write() as connection:
            query = sa.select(derived.c.target).where(derived.c.state != DerivedState.CANCELLED)
            known = set(connection.execute(query).scalars())
            rows = [
                {**vars(one), "state": DerivedState.PLANNED, "moved_at": now}
                for one in planned
                if one.target not in known
            ]
            insert_rows(connection, derived, rows)
            if rows:
                ask_in(connection, now)
        return len(rows)

    def due(self, state: DerivedState, *, now: datetime, limit: int) -> list[Derived]:
        """Return results in a state whose time has come, oldest first."""
        query = (
            sa.select(derived)
            .where(derived.c.state == state)
            .where(sa.or_(derived.c.not_before.is_(None), derived.c.not_before <= now))
            .order_by(derived.c.id)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [_read(row) for row in connection.execute(query)]

    def record(self, moves: Sequence[DerivedMove], now: datetime) -> int:
        """Move results on, in one transaction; what somebody else moved meanwhile stays."""
        if not moves:
            return 0
        with self._database.write() as connection:
            ids = [move.result.id for move in moves]
            query = sa.select(derived.c.id, derived.c.version).where(derived.c.id.in_(ids))
            versions = {row.id: row.version for row in connection.execute(query)}
            changes = {
                move.result.id: _columns(move, now)
                for move in moves
                if versions.get(move.result.id) == move.result.version
            }
            change_rows(connection, derived, changes)
        return len(changes)

    def of(self, job: str) -> list[Derived]:
        """Return all results of a job; of all jobs if it has no name."""
        query = sa.select(derived).order_by(derived.c.id)
        if job:
            query = query.where(derived.c.job == job)
        with self._database.read() as connection:
            return [_read(row) for row in connection.execute(query)]

    def exporting(self) -> dict[str, int]:
        """Return how many results of each job are at Earth Engine."""
        query = (
            sa.select(derived.c.job, sa.func.count().label("results"))
            .where(derived.c.state == DerivedState.EXPORTING)
            .group_by(derived.c.job)
        )
        with self._database.read() as connection:
            return {row.job: row.results for row in connection.execute(query)}

    def is_anything_left(self) -> bool:
        """Whether a result is still to be made."""
        moving = (DerivedState.PLANNED, DerivedState.EXPORTING)
        query = sa.select(sa.exists().where(derived.c.state.in_(moving)))
        with self._database.read() as connection:
            return bool(connection.execute(query).scalar())

    def cancel(self, job: str, now: datetime) -> int:
        """Give up what a job has not made yet; return how many."""
        given_up = [one for one in self.of(job) if one.standing.state not in _ENDED]
        return self.record([DerivedMove(one, DerivedCancelled()) for one in given_up], now)

    def retry(self, job: str, now: datetime) -> int:
        """Try again what a job has in quarantine; return how many."""
        failed = [one for one in self.of(job) if one.standing.state == DerivedState.QUARANTINED]
        return self.record([DerivedMove(one, DerivedRetried()) for one in failed], now)


_ENDED = (DerivedState.MADE, DerivedState.CANCELLED)


def _columns(move: DerivedMove, now: datetime) -> dict[str, object]:
    after = advance_derived(move.result.standing, move.event, now)
    return {
        "state": after.state,
        "failures": after.failures,
        "not_before": after.not_before,
        "cause": after.cause,
        "reason": after.reason or None,
        "version": move.result.version + 1,
        "moved_at": now,
    }


def _read(row: sa.Row[tuple[object, ...]]) -> Derived:
    kept = row._mapping  # noqa: SLF001 # SQLAlchemy's public name for it
    plain = ("job", "source", "revision", "expression", "target", "request", "in_flight")
    return Derived(
        id=kept["id"],
        planned=Planned(**{name: kept[name] for name in plain}),
        standing=DerivedStanding(
            DerivedState(kept["state"]),
            kept["failures"],
            kept["not_before"],
            Cause(kept["cause"]) if kept["cause"] else None,
            kept["reason"] or "",
        ),
        version=kept["version"],
    )
