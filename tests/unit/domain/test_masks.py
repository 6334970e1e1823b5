from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geesync.domain.assets.asset import INTEGER_RANGES, Band
from geesync.domain.assets.grid import Grid
from geesync.domain.mirror.masks import MODES, hold, needs_mask_file

GRID = Grid("EPSG:4326", (1.0, 0.0, 0.0, 0.0, -1.0, 0.0), 4, 4)


def a_band(precision: str, limits: tuple[float, float] | None = None) -> Band:
    return Band("b", precision, limits, GRID)


@st.composite
def limits(draw: st.DrawFn) -> tuple[float, float]:
    least, most = draw(st.sampled_from(list(INTEGER_RANGES.values())))
    ends = st.one_of(st.sampled_from((least, most)), st.integers(least, most))
    low, high = sorted((draw(ends), draw(ends)))
    return float(low), float(high)


@given(declared=limits())
def test_a_sentinel_is_no_value_of_the_band_and_one_of_the_files_type(
    declared: tuple[float, float],
) -> None:
    held = hold(a_band("INT", declared), "nodata")

    assert held.sentinel is not None
    assert not declared[0] <= held.sentinel <= declared[1]
    kind = np.dtype(held.pixel_type)
    for value in (held.sentinel, *declared):
        assert kind.type(value) == value
    assert json.loads(json.dumps(held.sentinel)) == held.sentinel


@pytest.mark.parametrize(
    ("declared", "pixel_type", "sentinel"),
    [
        ((0, 10000), "uint16", 37768),
        ((0, 200), "uint8", 228),
        ((1, 255), "int16", -16386),  # only 0 is free
        ((0, 250), "int16", -16386),  # only what MODIS takes for kinds of no data is free
        ((0, 255), "int16", -16386),
        ((-128, 127), "int16", -16448),
        ((-100, 5000), "int16", -16435),
        ((-32768, 100), "int16", 16434),
        ((0, 65535), "int32", -(2**30) - 2),
        ((-(2**31), 2**31 - 1), "float64", -1e300),
        ((0, 2**32 - 1), "float64", -1e300),
        ((-(2**63), 2**63), "float64", -1e300),
    ],
)
def test_integers_have_room_for_a_sentinel_or_become_wider(
    declared: tuple[float, float], pixel_type: str, sentinel: float
) -> None:
    held = hold(a_band("INT", declared), "nodata")

    assert (held.pixel_type, held.sentinel) == (pixel_type, sentinel)


@given(declared=limits())
def test_a_sentinel_is_none_that_anybody_would_take(declared: tuple[float, float]) -> None:
    held = hold(a_band("INT", declared), "nodata")

    ends = {end for ends in INTEGER_RANGES.values() for end in ends}
    assert held.sentinel not in {0, 1, -1, 99, 999, 9999, -99, -999, -9999, -3000, -28672, *ends}


def test_a_declared_range_ends_where_pixels_of_the_type_do() -> None:
    assert a_band("FLOAT", (0, 0.1)).limits == (0, float(np.float32(0.1)))
    assert a_band("DOUBLE", (0, 0.1)).limits == (0, 0.1)
    assert a_band("FLOAT", (-1e300, 1e300)).limits == (-np.inf, np.inf)


def test_no_single_precision_float_is_the_sentinel_of_floats() -> None:
    held = hold(a_band("FLOAT"), "nodata")

    assert held.pixel_type == "float64"
    assert held.sentinel is not None
    with np.errstate(over="ignore"):
        assert float(np.float32(held.sentinel)) != held.sentinel


def test_double_precision_has_no_room_so_its_masks_are_a_file() -> None:
    band = a_band("DOUBLE")

    assert hold(band, "nodata").sentinel is None
    assert needs_mask_file(band, "nodata")


@pytest.mark.parametrize("mode", MODES)
def test_only_a_sentinel_ever_widens_a_type(mode: str) -> None:
    band = a_band("INT", (0, 255))

    held = hold(band, mode)

    assert held.pixel_type == ("int16" if mode == "nodata" else "uint8")
    assert needs_mask_file(band, mode) == (mode == "separate")
