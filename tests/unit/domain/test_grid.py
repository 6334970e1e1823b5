"""Grids: written and read without loss, compared by where they put their corners."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from geesync.domain.assets.grid import Grid

NUMBER = st.floats(-1e7, 1e7, allow_nan=False).map(lambda value: value + 0.0)
SIDE = st.integers(1, 100_000)
WKT = 'PROJCS["MODIS Sinusoidal",GEOGCS["unknown",DATUM["unknown"]],UNIT["metre",1]]'
CRS = st.sampled_from(["EPSG:4326", "EPSG:32633", "SR-ORG:6974", "ESRI:54009", WKT])
GRIDS = st.builds(Grid, CRS, st.tuples(*[NUMBER] * 6), SIDE, SIDE)
UTM = Grid("EPSG:32633", (30.0, 0.0, 500_000.0, 0.0, -30.0, 5_200_000.0), 61, 47)


@given(GRIDS)
def test_a_grid_survives_its_json(grid: Grid) -> None:
    assert Grid.from_json(grid.to_json()) == grid


@given(GRIDS)
def test_a_grid_survives_json_that_leaves_out_what_is_zero(grid: Grid) -> None:
    told = grid.to_json()
    told["affineTransform"] = {key: n for key, n in told["affineTransform"].items() if n}

    assert Grid.from_json(told) == grid


@pytest.mark.parametrize("code", ["EPSG:4326", "SR-ORG:6974", "ESRI:54009", "OGC:CRS84"])
def test_an_authoritys_code_is_sent_as_a_code(code: str) -> None:
    told = Grid(code, UTM.transform, 1, 1).to_json()

    assert told["crsCode"] == code
    assert "crsWkt" not in told


def test_wkt_is_sent_as_wkt() -> None:
    told = Grid(WKT, UTM.transform, 1, 1).to_json()

    assert told["crsWkt"] == WKT
    assert "crsCode" not in told


def test_nothing_said_is_an_empty_grid_and_no_error() -> None:
    assert Grid.from_json({}) == Grid("", (0.0,) * 6, 0, 0)


@given(st.floats(-0.005, 0.005), st.floats(-0.005, 0.005))
def test_half_a_hundredth_of_a_pixel_is_the_same_place(x: float, y: float) -> None:
    a, b, c, d, e, f = UTM.transform

    assert UTM.same_place((a, b, c + 30 * x, d, e, f + 30 * y))


@given(st.floats(0.02, 5), st.floats(0, 2 * math.pi))
def test_a_fiftieth_of_a_pixel_is_another_place(pixels: float, direction: float) -> None:
    a, b, c, d, e, f = UTM.transform
    x, y = 30 * pixels * math.cos(direction), 30 * pixels * math.sin(direction)

    assert not UTM.same_place((a, b, c + x, d, e, f + y))


def test_another_scale_is_another_place_though_the_origin_is_the_same() -> None:
    assert not UTM.same_place((30.01, 0.0, 500_000.0, 0.0, -30.0, 5_200_000.0))


@given(GRIDS, st.integers(0, 99_999), st.integers(0, 99_999), SIDE)
def test_a_window_lies_within_its_grid(grid: Grid, row: int, column: int, edge: int) -> None:
    assume(row < grid.height and column < grid.width)

    window = grid.window(row, column, edge, edge)

    assert 1 <= window.width <= min(edge, grid.width - column)
    assert 1 <= window.height <= min(edge, grid.height - row)
    assert window.crs == grid.crs
    assert window.pixels <= grid.pixels


def test_a_window_of_a_rotated_grid_begins_at_its_pixel() -> None:
    rotated = Grid("EPSG:32633", (8.0, 6.0, 100.0, 6.0, -8.0, 200.0), 10, 10)

    window = rotated.window(2, 3, 4, 4)

    assert window.transform == (8.0, 6.0, 100 + 3 * 8 + 2 * 6, 6.0, -8.0, 200 + 3 * 6 - 2 * 8)
