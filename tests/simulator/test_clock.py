from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from geesync.simulator.clock import DAWN, SimClock, parse_rfc3339, rfc3339


def test_a_frozen_clock_moves_only_when_it_is_advanced() -> None:
    clock = SimClock()

    before = clock.now()
    clock.advance(90)

    assert before == DAWN
    assert clock.now() == DAWN + timedelta(seconds=90)


def test_a_running_clock_is_ahead_by_its_speed() -> None:
    clock = SimClock(1e9)

    assert clock.now() < clock.now()


def test_time_cannot_run_backwards() -> None:
    with pytest.raises(ValueError, match="-1"):
        SimClock().advance(-1)


@pytest.mark.parametrize(
    ("digits", "text"),
    [
        (0, "2026-02-03T04:05:06Z"),
        (3, "2026-02-03T04:05:06.007Z"),
        (6, "2026-02-03T04:05:06.007008Z"),
        (9, "2026-02-03T04:05:06.007008000Z"),
    ],
)
def test_time_stamps_have_the_digits_that_are_asked_for(digits: int, text: str) -> None:
    moment = datetime(2026, 2, 3, 4, 5, 6, 7008, tzinfo=UTC)

    assert rfc3339(moment, digits=digits) == text
    assert abs(parse_rfc3339(text) - moment) < timedelta(seconds=1)


def test_whole_seconds_have_no_fraction() -> None:
    assert rfc3339(DAWN) == "2026-01-01T00:00:00Z"
