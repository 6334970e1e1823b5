"""Bandwidth by the clock, in the form that rclone takes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from geesync.domain.choices.values import Timetable

MIB = 1024**2
MONDAY = datetime(2024, 1, 1, tzinfo=UTC)


def rate(text: str, day: int, clock: str) -> float | None:
    hour, minute = map(int, clock.split(":"))
    return Timetable.parse(text).rate_at(MONDAY.replace(day=day, hour=hour, minute=minute))


@pytest.mark.parametrize(
    ("clock", "expected"),
    [("00:00", None), ("07:59", None), ("08:00", 2 * MIB), ("18:59", 2 * MIB), ("19:00", None)],
)
def test_a_rate_holds_from_its_time_until_the_next(clock: str, expected: float | None) -> None:
    assert rate("08:00,2M 19:00,off", 1, clock) == expected
    assert rate("08:00,2M 19:00,off", 7, clock) == expected


def test_a_rate_alone_holds_always() -> None:
    assert rate("10M", 3, "12:00") == 10 * MIB
    assert rate("off", 3, "12:00") is None


def test_a_number_without_a_unit_is_kib_as_with_rclone() -> None:
    assert rate("512", 1, "00:00") == rate("512k", 1, "00:00") == 512 * 1024
    assert rate("512B", 1, "00:00") == 512


def test_an_entry_may_name_its_weekday_and_holds_over_the_end_of_the_week() -> None:
    table = "Mon-08:00,1M Fri-18:00,off"

    assert rate(table, 1, "07:59") is None  # still the weekend's
    assert rate(table, 1, "08:00") == MIB
    assert rate(table, 5, "17:59") == MIB
    assert rate(table, 7, "23:59") is None


def test_a_named_day_counts_for_more_than_every_day() -> None:
    assert rate("Sun-08:00,off 08:00,1M", 7, "09:00") is None
    assert rate("Sun-08:00,off 08:00,1M", 6, "09:00") == MIB


@pytest.mark.parametrize("text", ["", "fast", "25:00,1M", "08:00,2M,3M", "Foo-08:00,1M", "0"])
def test_what_is_no_timetable_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not like|empty"):
        Timetable.parse(text)
