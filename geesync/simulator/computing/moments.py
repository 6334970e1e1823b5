"""Dates: moments in milliseconds since 1970, and ranges of them; all in UTC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from geesync.simulator.clock import EPOCH, parse_rfc3339
from geesync.simulator.refusals import INVALID_ARGUMENT, ExportRefused

MILLISECOND = timedelta(milliseconds=1)
DAYS_A_YEAR = 365.25  #: on average; what differences in years and months are divided by
UNIT_S = {
    "second": 1.0,
    "minute": 60.0,
    "hour": 3600.0,
    "day": 86400.0,
    "week": 7 * 86400.0,
    "month": DAYS_A_YEAR / 12 * 86400.0,
    "year": DAYS_A_YEAR * 86400.0,
}
UNITS = ("year", "month", "day", "hour", "minute", "second")
LEAST = (1, 1, 1, 0, 0, 0)  #: of each of them
SHORT_DATE = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?")
MONTHS = 12


@dataclass(frozen=True, order=True)
class Moment:
    """A date."""

    millis: float

    @property
    def time(self) -> datetime:
        """The same as a time, in UTC; raises OverflowError if no calendar has it."""
        return EPOCH + timedelta(milliseconds=self.millis)

    def advanced(self, count: float, unit: str) -> Moment:
        """Return the moment so many units later; months keep the day, if the month has it."""
        if unit not in ("month", "year"):
            return Moment(self.millis + count * seconds(unit) * 1000)
        months, rest = divmod(count * (MONTHS if unit == "year" else 1), 1)
        time = self.time
        index = time.year * MONTHS + time.month - 1 + int(months)
        first = time.replace(day=1, year=index // MONTHS, month=index % MONTHS + 1)
        last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        moved = moment_of(first.replace(day=min(time.day, last.day)))
        return Moment(moved.millis + rest * seconds("month") * 1000)

    def began(self, unit: str) -> Moment:
        """Return when the unit began that the moment is in."""
        time = self.time.replace(microsecond=0)
        if unit == "week":
            monday = time.replace(hour=0, minute=0, second=0) - timedelta(days=time.weekday())
            return moment_of(monday)
        seconds(unit)  # refuses what is no unit
        known = UNITS.index(unit.removesuffix("s")) + 1
        year, month, day, hour, minute, second = (*time.timetuple()[:known], *LEAST[known:])
        return moment_of(datetime(year, month, day, hour, minute, second, tzinfo=UTC))


@dataclass(frozen=True)
class DateRange:
    """Moments from a start, inclusive, to an end, exclusive."""

    start: Moment
    end: Moment

    def __contains__(self, moment: Moment) -> bool:
        return self.start <= moment < self.end


def seconds(unit: str) -> float:
    """Return how long a unit is on average; raises ExportRefused if it is none."""
    singular = unit.removesuffix("s")
    if singular not in UNIT_S:
        raise ExportRefused(INVALID_ARGUMENT, f"Date: Unknown unit '{unit}'.")
    return UNIT_S[singular]


def moment_of(time: datetime) -> Moment:
    """Return a time as a moment."""
    return Moment((time - EPOCH) / MILLISECOND)


def read_moment(value: Any) -> Moment | None:
    """Return the date that milliseconds, or a text as in ISO 8601, stand for; else None.

    Raises ExportRefused if a text is no date.
    """
    if isinstance(value, Moment):
        return value
    if isinstance(value, int | float):
        return Moment(value)
    if not isinstance(value, str):
        return None
    try:
        if short := SHORT_DATE.fullmatch(value):
            year, month, day = (int(part or 1) for part in short.groups())
            return moment_of(datetime(year, month, day, tzinfo=UTC))
        return moment_of(parse_rfc3339(value))
    except ValueError:
        raise ExportRefused(INVALID_ARGUMENT, f"Date: Bad date/time '{value}'.") from None


def read_range(value: Any) -> DateRange | None:
    """Return the range of one millisecond that a date is; None if it is no date."""
    moment = read_moment(value)
    return None if moment is None else DateRange(moment, Moment(moment.millis + 1))
