"""JSON as Earth Engine has it: dictionaries whose values may be anything, and texts of times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

Json = dict[str, Any]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_time(text: Any) -> datetime | None:
    """Read a timestamp, with any number of fractional digits; aware, UTC."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def write_time(time: datetime) -> str:
    """Write a time as RFC 3339 in UTC."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def from_millis(milliseconds: float) -> datetime:
    """Return the time so many milliseconds after 1970; raises OverflowError where there is none."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def from_seconds(seconds: float | None) -> datetime | None:
    """Return the time so many seconds after 1970, as the ledger keeps it; None is none."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def millis(time: datetime) -> int:
    """Return milliseconds since 1970, as Earth Engine's ``system:time_start`` has them."""
    return (time - _EPOCH) // timedelta(milliseconds=1)
