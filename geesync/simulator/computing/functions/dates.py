"""Functions of Earth Engine for dates, all in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from geesync.simulator.computing.arguments import functions, refused
from geesync.simulator.computing.functions.filters import CALENDAR
from geesync.simulator.computing.moments import DateRange, Moment, moment_of, read_moment, seconds

ISO = "yyyy-MM-dd'T'HH:mm:ss"
#: Letters of Joda-Time's patterns → those of strftime.
LETTERS = {
    "yyyy": "%Y",
    "YYYY": "%Y",
    "yy": "%y",
    "MMMM": "%B",
    "MMM": "%b",
    "MM": "%m",
    "M": "%m",
    "DDD": "%j",
    "dd": "%d",
    "d": "%d",
    "HH": "%H",
    "mm": "%M",
    "ss": "%S",
}
PATTERN = re.compile(r"'[^']*'|([A-Za-z])\1*|[^A-Za-z']+")


def _date(value: Any, time_zone: str | None = None) -> Moment:
    _check_zone(time_zone)
    moment = read_moment(value)
    if moment is None:
        raise refused("Date: Parameter 'value' must be a number, a string or a Date.")
    return moment


def _check_zone(zone: str | None) -> None:
    if zone not in (None, "UTC", "Etc/UTC", "GMT", "Z"):
        raise refused(f"Date: The simulator has no time zone '{zone}', only UTC.")


def _from_ymd(year: int, month: int, day: int, time_zone: str | None = None) -> Moment:
    _check_zone(time_zone)
    try:
        return moment_of(datetime(year, month, day, tzinfo=UTC))
    except ValueError as error:
        raise refused(f"Date.fromYMD: {error}.") from error


def _advance(date: Moment, delta: float, unit: str, time_zone: str | None = None) -> Moment:
    _check_zone(time_zone)
    return date.advanced(delta, unit.removesuffix("s"))


def _difference(date: Moment, start: Moment, unit: str) -> float:
    return (date.millis - start.millis) / 1000 / seconds(unit)


def _format(date: Moment, format_: str | None = None, time_zone: str | None = None) -> str:
    _check_zone(time_zone)
    return "".join(_formatted(date, part[0]) for part in PATTERN.finditer(format_ or ISO))


def _formatted(date: Moment, part: str) -> str:
    if part.startswith("'"):
        return part[1:-1]
    if not part[0].isalpha():
        return part
    if set(part) == {"S"}:
        return f"{int(date.millis % 1000):03d}"[: len(part)]
    if part not in LETTERS:
        raise refused(f"Date.format: The simulator has no pattern '{part}'.")
    text = date.time.strftime(LETTERS[part])
    return text.lstrip("0") if len(part) == 1 else text


def _get(date: Moment, unit: str, time_zone: str | None = None) -> int:
    _check_zone(time_zone)
    field = {"day": "day_of_month", "week": "week"}.get(unit, unit)
    if field == "second":
        return date.time.second
    if field == "week":
        return date.time.isocalendar().week
    if field not in CALENDAR:
        raise refused(f"Date.get: Unknown unit '{unit}'.")
    return CALENDAR[field](date.time)


def _get_relative(date: Moment, unit: str, in_unit: str, time_zone: str | None = None) -> int:
    _check_zone(time_zone)
    if unit == "month":
        return date.time.month - 1
    return int(_difference(date, date.began(in_unit), unit))


def _get_fraction(date: Moment, unit: str, time_zone: str | None = None) -> float:
    _check_zone(time_zone)
    whole = _get_range(date, unit)
    return (date.millis - whole.start.millis) / (whole.end.millis - whole.start.millis)


def _get_range(date: Moment, unit: str, time_zone: str | None = None) -> DateRange:
    _check_zone(time_zone)
    start = date.began(unit)
    return DateRange(start, start.advanced(1, unit))


def _millis(date: Moment) -> int:
    return int(date.millis)


def _unit_ratio(numerator: str, denominator: str) -> float:
    return seconds(numerator) / seconds(denominator)


def _range(start: Any, end: Any = None, time_zone: str | None = None) -> DateRange:
    first = _date(start, time_zone)
    last = Moment(first.millis + 1) if end is None else _date(end, time_zone)
    if last < first:
        raise refused("DateRange: The end is before the start.")
    return DateRange(first, last)


def _start(date_range: DateRange) -> Moment:
    return date_range.start


def _end(date_range: DateRange) -> Moment:
    return date_range.end


def _contains(date_range: DateRange, other: Moment) -> bool:
    return other in date_range


DATES = functions(
    {
        "Date": _date,
        "Date.fromYMD": _from_ymd,
        "Date.advance": _advance,
        "Date.difference": _difference,
        "Date.format": _format,
        "Date.get": _get,
        "Date.getRelative": _get_relative,
        "Date.getFraction": _get_fraction,
        "Date.getRange": _get_range,
        "Date.millis": _millis,
        "Date.unitRatio": _unit_ratio,
        "DateRange": _range,
        "DateRange.start": _start,
        "DateRange.end": _end,
        "DateRange.contains": _contains,
    }
)
