"""Footprints as boxes: whatever a geometry says, the box is on the map or there is none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geesync.domain.assets.asset import SourceAsset
from geesync.domain.assets.footprint import Box, box_of

POINT = st.tuples(st.floats(-720, 720), st.floats(-180, 180)).map(list)


def polygon(*ring: tuple[float, float]) -> dict[str, Any]:
    return {"type": "Polygon", "coordinates": [[list(point) for point in ring]]}


def test_the_box_of_a_polygon_holds_all_corners() -> None:
    assert box_of(polygon((6, 44), (9, 45), (8, 47), (6, 44))) == Box(6, 44, 9, 47)


def test_a_footprint_across_the_date_line_keeps_its_width() -> None:
    assert box_of(polygon((-190, 0), (-170, 0), (-170, 9))) == Box(170, 0, 190, 9)


@pytest.mark.parametrize(
    "geometry",
    [
        None,
        {},
        {"type": "Polygon"},
        {"type": "Polygon", "coordinates": []},
        {"type": "Polygon", "coordinates": [[["-Infinity", "-Infinity"], ["Infinity", 90]]]},
        "POINT(1 2)",
    ],
)
def test_what_has_no_place_has_no_box(geometry: Any) -> None:
    assert SourceAsset({"geometry": geometry}).box is None


@given(st.lists(POINT, min_size=1))
def test_every_box_lies_on_the_map(points: list[list[float]]) -> None:
    box = box_of({"type": "MultiPoint", "coordinates": points})

    assert box is not None
    assert -180 <= box.west < 180
    assert box.west <= box.east <= box.west + 360
    assert -90 <= box.south <= box.north <= 90


def test_a_geometry_of_too_many_levels_has_no_place() -> None:
    nested: Any = [1, 2]
    for _ in range(5000):
        nested = [nested]

    assert SourceAsset({"geometry": {"type": "MultiPolygon", "coordinates": nested}}).box is None


RING = [[0, 0], [1, 0], [1, 1], [0, 0]]
SQUARE = {"type": "Polygon", "coordinates": [RING]}


def outlined(geometry: Any, **properties: Any) -> Any:
    return SourceAsset({"geometry": geometry, "properties": properties}).outline


def test_a_polygon_loses_what_geojson_does_not_know() -> None:
    assert outlined(SQUARE | {"geodesic": False, "evenOdd": True}) == SQUARE


def test_a_linear_ring_becomes_a_polygon() -> None:
    footprint_ring = {"type": "LinearRing", "coordinates": RING}

    assert outlined(None, **{"system:footprint": footprint_ring}) == SQUARE


@pytest.mark.parametrize(
    "odd",
    [
        None,
        "everywhere",
        {},
        {"type": "Polygon", "coordinates": []},
        {"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]},
        {"type": "Polygon", "coordinates": [[["-Infinity", 0], [1, 0], [1, 1], [0, 0]]]},
        {"type": "Polygon", "coordinates": [[[float("inf"), 0], [1, 0], [1, 1], [0, 0]]]},
        {"type": "GeometryCollection", "geometries": []},
        {"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": []}]},
        {"type": "Hexagon", "coordinates": RING},
    ],
)
def test_what_has_no_end_or_no_sense_has_no_outline(odd: Any) -> None:
    assert outlined(odd) is None


def test_collections_of_geometries_are_kept() -> None:
    both = {
        "type": "GeometryCollection",
        "geometries": [SQUARE, {"type": "Point", "coordinates": [5, -7]}],
    }

    assert outlined(both) == both
    assert box_of(both) == Box(0, -7, 5, 1)


@pytest.mark.parametrize(
    ("west", "east", "expected"),
    [
        (10, 20, (10, 20)),
        (-180, 180, (-180, 180)),
        (170, 190, (170, -170)),
        (-190, -170, (170, -170)),
        (-200, 200, (-180, 180)),
        (170, 180, (170, 180)),
    ],
)
def test_a_box_across_180_degrees_has_its_west_east_of_its_east(
    west: float, east: float, expected: tuple[float, float]
) -> None:
    box = box_of({"type": "LineString", "coordinates": [[west, 0], [east, 1]]})

    assert box is not None
    assert box.bbox == (expected[0], 0, expected[1], 1)
