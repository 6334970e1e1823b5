"""Assets that are to be made at Earth Engine, and how far each is. The only writer of their states.

Each kind has a table and a life of its own; how they are taken, moved and given up is one thing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

import sqlalchemy as sa

from geesync.domain.state_machine import (
    AnyState,
    Cancelled,
    Event,
    Life,
    Retried,
    Standing,
    Superseded,
)
from geesync.domain.tasks.lifecycle import Subject, SubjectKind
from geesync.store.file.database import Records
from geesync.store.file.rows import change_rows
from geesync.store.tables.columns import has_come, is_among, standing_columns


@dataclass(frozen=True)
class ToMake:
    """An asset that is to be made, as the ledger knows it."""

    subject: Subject  #: of the tasks that make it; named by its place
    standing: Standing[Any]
    version: int  #: of this row; another writer moves it

    @property
    def id(self) -> int:
        """Its key in the table of its kind."""
        return self.subject.id

    @property
    def target(self) -> str:
        """The canonical name of its place."""
        return self.subject.name


Condition = sa.ColumnElement[bool] | sa.TextClause

AnyToMake = TypeVar("AnyToMake", bound=ToMake)


@dataclass(frozen=True)
class MakingMove:
    """Something that happened to an asset as it was seen."""

    asset: ToMake
    event: Event


class Making(Records, Generic[AnyToMake, AnyState]):
    """Assets of one kind. Steps report events; only ``record`` turns them into states."""

    kind: ClassVar[SubjectKind]
    table: ClassVar[sa.Table]
    life: Life[AnyState]
    is_paused: ClassVar[str]  #: whether a row waits for people, or for others, in SQL

    def due(
        self, *states: AnyState, now: datetime, limit: int, paused_too: bool = False
    ) -> list[AnyToMake]:
        """Return assets in some states whose time has come, in the order of their making.

        paused_too: what Earth Engine works on is followed, whatever is paused.
        """
        column = self.table.c
        where: list[Condition] = [column.state.in_(states), has_come(column.not_before, now)]
        if not paused_too:
            where.append(sa.text(f"NOT {self.is_paused}"))
        return self._select(*where, limit=limit)

    def record(self, moves: Sequence[MakingMove], now: datetime) -> int:
        """Move assets on, in one transaction; what somebody else moved meanwhile stays."""
        if not moves:
            return 0
        column = self.table.c
        with self._database.write() as connection:
            ids = [move.asset.id for move in moves]
            query = sa.select(column.id, column.version).where(is_among(column.id, ids))
            versions = {row.id: row.version for row in connection.execute(query)}
            changes = {
                move.asset.id: self._moved(move, now)
                for move in moves
                if versions.get(move.asset.id) == move.asset.version
            }
            change_rows(connection, self.table, changes)
        return len(changes)

    def supersede(self, assets: Iterable[AnyToMake], now: datetime) -> None:
        """Note that other rows take the place of these, of which nothing is at Earth Engine."""
        self.record([MakingMove(asset, Superseded()) for asset in assets], now)

    def _moved(self, move: MakingMove, now: datetime) -> dict[str, object]:
        after = self.life.advance(move.asset.standing, move.event, now)
        return {**standing_columns(after, move.asset.version), "moved_at": now}

    def resting(self) -> sa.Select[tuple[int]]:
        """Return the question for the keys of assets of which nothing is to be made any more."""
        return sa.select(self.table.c.id).where(self.table.c.state.not_in(self.life.moving))

    def is_anything_left(self) -> bool:
        """Whether an asset is still to be made."""
        query = sa.select(sa.exists().where(self.table.c.state.in_(self.life.moving)))
        return bool(self._database.scalar(query))

    def cancel(self, which: str, now: datetime) -> int:
        """Give up what is not made yet, of those that ``of`` returns; return how many."""
        event = Cancelled("a person gave it up")
        return self._apply(event, lambda state: Cancelled in self.life.table[state], which, now)

    def retry(self, which: str, now: datetime) -> int:
        """Try again what is in quarantine, of those that ``of`` returns; return how many."""
        return self._apply(Retried(), lambda state: state == self.life.quarantined, which, now)

    def _apply(
        self, event: Event, applies: Callable[[AnyState], bool], which: str, now: datetime
    ) -> int:
        found = [target for target in self.of(which) if applies(target.standing.state)]
        return self.record([MakingMove(target, event) for target in found], now)

    def of(self, which: str) -> list[AnyToMake]:
        """Return the assets that people mean by a word; all of this kind if it is empty.

        What was given up and asked for again is the last attempt only.
        """
        found = self._select(*(self._meant_by(which) if which else ()))
        last: dict[str, int] = {}
        for target in found:
            last[target.target] = max(target.id, last.get(target.target, 0))
        return [target for target in found if target.id == last[target.target]]

    def _meant_by(self, which: str) -> Sequence[sa.ColumnElement[bool]]:
        """Return which assets people mean by a word."""
        raise NotImplementedError

    def _select(self, *where: Condition, limit: int | None = None) -> list[AnyToMake]:
        """Return assets in the order of their making."""
        raise NotImplementedError


def known_targets(connection: sa.Connection, table: sa.Table) -> set[str]:
    """Return the places of all assets but those that were given up."""
    query = sa.select(table.c.target).where(table.c.state != "cancelled")
    return set(connection.execute(query).scalars())
