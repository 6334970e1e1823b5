"""Estimates: from what was seen, else from what is public."""

from __future__ import annotations

from datetime import timedelta

import pytest

from geesync.domain.tasks.estimate import DEFAULT, Ended, pace_of


def test_without_a_history_two_run_at_a_time_for_eight_minutes_each() -> None:
    few = [Ended(0, 10, 1.0)] * 19

    assert pace_of(few) == DEFAULT
    assert DEFAULT.time_for(200) == timedelta(seconds=100 * 497)
    assert DEFAULT.eecu_hours_for(200) is None


def test_a_history_tells_the_pace_however_long_it_was_idle_and_however_many_ran() -> None:
    week_s = 7 * 86_400
    history = [Ended(start, start + 3600, 720.0) for start in (0, week_s) for _ in range(20)]

    pace = pace_of(history)

    assert pace.measured == 40
    assert pace.exports_per_hour == pytest.approx(20)
    assert pace.time_for(100) == timedelta(hours=5)
    assert pace.eecu_hours_for(100) == pytest.approx(20)


def test_exports_that_overlap_are_counted_once_in_time() -> None:
    history = [Ended(60.0 * minute, 60.0 * minute + 120, None) for minute in range(59)]

    pace = pace_of(history)

    assert pace.exports_per_hour == pytest.approx(59)
    assert pace.eecu_s is None
