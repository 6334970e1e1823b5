"""What columns of the ledger hold, beyond what SQLite knows: times, documents, digests."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import (
    CheckConstraint,
    Column,
    ColumnElement,
    Float,
    Integer,
    LargeBinary,
    RowMapping,
    Text,
    or_,
)
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeDecorator

from geesync.domain.json import Json, from_seconds
from geesync.domain.state_machine import LONGEST_WAIT, AnyState, Standing
from geesync.errors import Cause, damaged
from geesync.store.tables.packing import pack, unpack

Word = TypeVar("Word", bound=StrEnum)


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
        return words(kept)
    except ValueError as error:
        raise damaged(error) from error


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


def read_standing(kept: RowMapping, states: type[AnyState]) -> Standing[AnyState]:
    """Return where the thing of a row stands."""
    return Standing(
        state=member(states, kept["state"]),
        failures=kept["failures"],
        not_before=kept["not_before"],
        cause=member(Cause, kept["cause"]) if kept["cause"] else None,
        reason=kept["reason"] or "",
        delays=kept["delays"],
    )
