"""What people's functions make, and how far it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from geesync.domain.derive.lifecycle import LIFE, DerivedState
from geesync.domain.json import Json
from geesync.domain.tasks.lifecycle import Subject, SubjectKind
from geesync.store.file.rows import insert_rows
from geesync.store.ledger.roots import ask_in
from geesync.store.making.making import Condition, Making, ToMake, known_targets
from geesync.store.tables.columns import read_as, read_standing
from geesync.store.tables.making import derived
from geesync.store.tables.states import is_making_paused


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
class Derived(ToMake):
    """A result, as the ledger knows it."""

    planned: Planned


#: Whether a result waits for others of its job; so none takes the place of another job's.
_HAS_NO_ROOM = (
    "derived.job IN (SELECT job FROM derived WHERE state = 'exporting'"
    " GROUP BY job HAVING count(*) >= max(in_flight))"
)


class Derivations(Making[Derived, DerivedState]):
    """Results of jobs; people mean one by its job."""

    kind = SubjectKind.DERIVED
    table = derived
    life = LIFE
    is_paused = f"({is_making_paused('derived.target', 'derived.job')} OR {_HAS_NO_ROOM})"

    def add(self, planned: Iterable[Planned], now: datetime) -> int:
        """Write down results that are to be made; return how many are new.

        One that is known for its target, in whatever state but cancelled, stays as it is.
        """
        with self._database.write() as connection:
            known = known_targets(connection, derived)
            rows = [
                {**vars(result), "state": DerivedState.PLANNED, "moved_at": now}
                for result in planned
                if result.target not in known
            ]
            insert_rows(connection, derived, rows)
            if rows:
                ask_in(connection, now)
        return len(rows)

    def exporting(self) -> dict[str, int]:
        """Return how many results of each job are at Earth Engine."""
        query = (
            sa.select(derived.c.job, sa.func.count().label("results"))
            .where(derived.c.state == DerivedState.EXPORTING)
            .group_by(derived.c.job)
        )
        return {row.job: row.results for row in self._database.rows(query)}

    def _meant_by(self, which: str) -> Sequence[sa.ColumnElement[bool]]:
        return [derived.c.job == which]

    def _select(self, *where: Condition, limit: int | None = None) -> list[Derived]:
        query = sa.select(derived).where(*where).order_by(derived.c.id).limit(limit)
        return self._database.select(query, _read)


def _read(row: sa.Row[Any]) -> Derived:
    subject = Subject(SubjectKind.DERIVED, row.id, row.target, row.revision)
    return Derived(subject, read_standing(row, DerivedState), row.version, read_as(Planned, row))
