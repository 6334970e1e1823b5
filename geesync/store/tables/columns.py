"""What columns of the ledger hold, beyond what SQLite knows: times, documents, digests."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import (
    CheckConstraint,
    Column,
    ColumnElement,
    Float,
    Integer,
    LargeBinary,
    Row,
    Table,
    Text,
    bindparam,
    or_,
    text,
)
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeDecorator

from geesync.domain.json import Json, from_seconds
from geesync.domain.state_machine import LONGEST_WAIT, AnyState, Standing
from geesync.errors import Cause, damaged
from geesync.store.tables.packing import pack, unpack

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Word = TypeVar("Word", bound=StrEnum)
Kept = TypeVar("Kept", bound="DataclassInstance")


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime, kept as seconds since 1970."""

    impl = Float
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Any) -> float | None:
        """Refuse naive times: they mean something else on every machine."""
        if value is None:
            return None
        assert value.tzinfo is not None
        return value.timestamp()

    def process_result_value(self, value: Any | None, _dialect: Any) -> datetime | None:
        """Return an aware time."""
        return from_seconds(value)


def member(words: type[Word], kept: str) -> Word:
    """Return the word that a row holds. Raises LedgerError if it is none that there is."""
    try:
        word: Word = _by_value(words)[kept]
    except KeyError:
        raise damaged(f"{kept!r} is not a valid {words.__name__}") from None
    return word


@cache  # to call an enum takes six times as long
def _by_value(words: type[Word]) -> dict[str, Word]:
    return {word.value: word for word in words}


def is_among(column: ColumnElement[Any], values: Iterable[object]) -> ColumnElement[bool]:
    """Whether a column is one of these values.

    They are one parameter: a statement with one for each would be prepared anew for each number.
    """
    each = text("SELECT value FROM json_each(:listed)")
    return column.in_(each.bindparams(bindparam("listed", json.dumps(list(values)), unique=True)))


def has_come(not_before: Column[datetime], now: datetime) -> ColumnElement[bool]:
    """Whether something need not wait any more.

    What would wait for longer than anything does was written while the clock was ahead.
    """
    return or_(not_before.is_(None), not_before <= now, not_before > now + LONGEST_WAIT)


class Packed(TypeDecorator[Json]):
    """A JSON document, kept small."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Json | None, _dialect: Any) -> bytes | None:
        """Pack it."""
        return None if value is None else pack(value)

    def process_result_value(self, value: bytes | None, _dialect: Any) -> Json | None:
        """Return what was packed."""
        return None if value is None else unpack(value)


class Digest(TypeDecorator[str]):
    """A digest: hexadecimal to us, bytes on disk."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Any) -> bytes | None:
        """Return its bytes."""
        return None if value is None else bytes.fromhex(value)

    def process_result_value(self, value: bytes | None, _dialect: Any) -> str | None:
        """Return it in hexadecimal."""
        return None if value is None else value.hex()


def life_columns(states: type[StrEnum]) -> list[SchemaItem]:
    """Return the columns of something that has a life of its own, and what must hold of them."""
    names = ", ".join(f"'{state}'" for state in states)
    return [
        Column("state", Text, nullable=False),
        Column("version", Integer, nullable=False, server_default="0"),  # compare-and-set
        Column("failures", Integer, nullable=False, server_default="0"),
        Column("not_before", Instant),
        Column("cause", Text),
        Column("reason", Text),
        Column("moved_at", Instant, nullable=False),
        Column("delays", Integer, nullable=False, server_default="0"),  # one after another
        CheckConstraint(f"state IN ({names})", name="state"),
        CheckConstraint("state <> 'quarantined' OR cause IS NOT NULL", name="quarantine_has_cause"),
    ]


def standing_columns(after: Standing[Any], version: int) -> dict[str, object]:
    """Return the columns of where something stands, as the next version of its row has them."""
    return {
        "state": after.state,
        "failures": after.failures,
        "not_before": after.not_before,
        "cause": after.cause,
        "reason": after.reason or None,
        "version": version + 1,
        "delays": after.delays,
    }


def read_as(kind: type[Kept], row: Row[Any], /, **others: Any) -> Kept:
    """Return a dataclass of a row; its fields are the columns of their names, but for others."""
    kept = row._mapping  # noqa: SLF001 # SQLAlchemy's public name for it
    return kind(**{name: kept[name] for name in _names(kind) if name not in others}, **others)


@cache
def _names(kind: type[DataclassInstance]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def read_columns(table: Table, kind: type[DataclassInstance]) -> list[Column[Any]]:
    """Return the columns of a dataclass and of a standing: to read all others would take longer."""
    names = {*_names(kind), *_names(Standing)}
    return [column for column in table.c if column.name in names]


def read_standing(row: Row[Any], states: type[AnyState]) -> Standing[AnyState]:
    """Return where the thing of a row stands."""
    return Standing(
        state=member(states, row.state),
        failures=row.failures,
        not_before=row.not_before,
        cause=member(Cause, row.cause) if row.cause else None,
        reason=row.reason or "",
        delays=row.delays,
    )
