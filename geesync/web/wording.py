"""How templates put values into words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from geesync.domain.assets.footprint import Box
from geesync.domain.assets.names import display_id
from geesync.domain.messages.words import counted, duration, masks_text, next_action, percent, size
from geesync.store.views.status import RootStatus

_WHOLE = 1000
_DAY = timedelta(days=1)
_MONTHS = timedelta(days=200)


def words(name: str | None) -> str:
    """Return a state, type or cause as words: ``in_bucket`` → ``in bucket``."""
    return (name or "").replace("_", " ")


def sentence(event: str) -> str:
    """Return an event's name as words: ``ExportStarted`` → ``Export started``."""
    return re.sub(r"(?<!^)([A-Z])", lambda match: f" {match[1].lower()}", event)


def moment(value: float | datetime) -> str:
    """Return a time to the minute, in UTC."""
    return f"{_time(value):%Y-%m-%d %H:%M}"


def clock(value: datetime) -> str:
    """Return a time to the second, in UTC."""
    return f"{value:%Y-%m-%d %H:%M:%S}"


def iso(value: float | datetime) -> str:
    """Return a time for machines."""
    return _time(value).isoformat()


def ago(now: datetime, then: datetime) -> str:
    """Return how long ago something was."""
    span = duration(max(now - then, timedelta()))
    parts = span.split(" ")
    return f"{' '.join(parts[:2]) if 'min' in parts[1:2] else span} ago"


def axis(at: datetime, span: timedelta) -> str:
    """Return a time for an axis: hours of a day, days of a month, months of years."""
    if span <= _DAY * 3:
        return f"{at:%a %H:%M}"
    return f"{at:%d %b}" if span <= _MONTHS else f"{at:%b %Y}"


def unit(value: float, kind: str) -> str:
    """Return a tick of an axis."""
    if kind == "bytes":
        return size(value)
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"  # noqa: PLR2004 # digits


def strips(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return the strips of a bar of a thousand parts; none is too thin to be seen."""
    whole = sum(counts.values())
    bar, x = [], 0.0
    for state, count in counts.items():
        width = count / whole * _WHOLE if whole else 0.0
        if count:
            bar.append({"state": state, "x": round(x, 1), "width": round(max(width, 3.0), 1)})
        x += width
    return bar


def share(root: RootStatus) -> str:
    """Return which part of what is wanted of a root is verified."""
    return percent(root.good, root.wanted) if root.wanted else "–"


def last(name: str) -> str:
    """Return the last component of an asset's id."""
    return name.rpartition("/")[2]


def placed(box: Box) -> str:
    """Return where a box lies: ``44.02° S to 44.00° S, 71.50° W to 71.46° W``."""
    return f"{_span(box.south, box.north, 'SN')}, {_span(box.west, box.east, 'WE')}"


def _span(low: float, high: float, sides: str) -> str:
    first, last = f"{abs(low):.2f}° {sides[low > 0]}", f"{abs(high):.2f}° {sides[high > 0]}"
    return f"{first} to {last}"


def _time(value: float | datetime) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromtimestamp(value, UTC)


FILTERS: Mapping[str, Callable[..., Any]] = {
    "words": words,
    "sentence": sentence,
    "moment": moment,
    "clock": clock,
    "iso": iso,
    "ago": ago,
    "axis": axis,
    "unit": unit,
    "strips": strips,
    "share": share,
    "last": last,
    "id": display_id,
    "size": size,
    "action": next_action,
    "masks": lambda bands: masks_text(**bands),
    "counted": counted,
}
