"""Any outline becomes one that a STAC Item may have."""

from __future__ import annotations

from typing import Any

import pytest
from shapely.geometry import shape

from geesync.domain.stac.geometry import item_geometry


def rectangle(west: float, east: float) -> dict[str, Any]:
    ring = [[west, 0.0], [east, 0.0], [east, 10.0], [west, 10.0], [west, 0.0]]
    return {"type": "Polygon", "coordinates": [ring]}


def test_what_is_on_the_map_stays_as_it_is() -> None:
    assert item_geometry(rectangle(-180, 180)) == rectangle(-180, 180)
    assert item_geometry(None) is None


@pytest.mark.parametrize(
    ("west", "east", "parts"),
    [
        (190, 200, [(-170, -160)]),
        (-200, -190, [(160, 170)]),
        (170, 190, [(-180, -170), (170, 180)]),
        (-190, -170, [(-180, -170), (170, 180)]),
        (170, 180.0, [(170, 180)]),
        (530, 550, [(-180, -170), (170, 180)]),
    ],
)
def test_what_lies_beyond_180_degrees_is_cut_at_the_date_line(
    west: float, east: float, parts: list[tuple[float, float]]
) -> None:
    placed = shape(item_geometry(rectangle(west, east)))

    assert placed.is_valid
    pieces = getattr(placed, "geoms", [placed])
    assert sorted((one.bounds[0], one.bounds[2]) for one in pieces) == parts
    assert placed.area == pytest.approx((east - west) * 10)


def test_of_a_collection_the_polygons_are_kept_as_one_geometry() -> None:
    point = {"type": "Point", "coordinates": [5.0, 5.0]}
    inner = {"type": "GeometryCollection", "geometries": [rectangle(0, 1), point]}
    told = {"type": "GeometryCollection", "geometries": [inner, rectangle(2, 3)]}

    placed = item_geometry(told)

    assert placed is not None
    assert placed["type"] == "MultiPolygon"
    assert shape(placed).bounds == (0, 0, 3, 10)
    assert item_geometry({"type": "GeometryCollection", "geometries": [point]}) == point
