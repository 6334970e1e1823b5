"""When assets are, odd times too, and what they cover together."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geesync.domain.assets.asset import SourceAsset
from geesync.domain.assets.extent import Extent, time_span
from geesync.domain.json import millis, write_time


def test_times_come_from_the_fields_and_else_from_the_properties() -> None:
    fields = SourceAsset({"startTime": "2024-04-01T00:00:00.123456789Z"})
    properties = SourceAsset({"properties": {"system:time_start": 1711929600123}})

    assert time_span(fields) == (datetime(2024, 4, 1, 0, 0, 0, 123456, tzinfo=UTC), None)
    assert time_span(properties) == (datetime(2024, 4, 1, 0, 0, 0, 123000, tzinfo=UTC), None)


@pytest.mark.parametrize("odd", [1e300, "soon", None, float("nan")])
def test_times_that_are_none_are_left_out(odd: Any) -> None:
    assert time_span(SourceAsset({"properties": {"system:time_start": odd}})) == (None, None)
    assert time_span(SourceAsset({"startTime": str(odd)})) == (None, None)


def test_milliseconds_are_exact_before_1970_too() -> None:
    assert millis(datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)) == -1


def test_times_are_written_as_rfc_3339() -> None:
    assert write_time(datetime(2024, 4, 1, tzinfo=UTC)) == "2024-04-01T00:00:00Z"


boxes = st.tuples(
    st.floats(-180, 180), st.floats(-90, 90), st.floats(-180, 180), st.floats(-90, 90)
)
times = st.datetimes(timezones=st.just(UTC))
extents = st.builds(Extent, st.none() | boxes, st.none() | times, st.none() | times)


@given(extents, extents)
def test_an_extent_that_was_united_covers_both(one: Extent, other: Extent) -> None:
    both = one.united(other)

    assert both == other.united(one)
    assert both.united(one) == both.united(other) == both


@given(extents)
def test_an_extent_is_kept_whole(extent: Extent) -> None:
    assert Extent.from_json(extent.to_json()) == extent


def test_an_extent_across_180_degrees_goes_around_the_earth() -> None:
    crossing = {"type": "LineString", "coordinates": [[170, 0], [190, 1]]}

    assert Extent.of(SourceAsset({"geometry": crossing})).box == (-180, 0, 180, 1)
