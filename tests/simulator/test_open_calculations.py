"""What no page of Earth Engine's tells of pixels: each answer can be had."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ee
import pytest

from geesync.simulator import Simulator
from tests.simulator.computed import put_image, rows

A, B = [0, 3, 4, 0], [0, 2, 0, 5]

Formula = Callable[[Any], Any]
MEDIAN: Formula = lambda i: i.reduce(ee.Reducer.median())  # noqa: E731 - a table of formulas
IMAGES: Formula = lambda i: ee.ImageCollection([i.select("a"), i.select(["b"], ["a"])])  # noqa: E731


@pytest.mark.parametrize(
    ("knob", "formula", "expected"),
    [
        (
            "divided_by_zero",
            lambda i: i.select("a").divide(i.select("b")),
            {"zero": [0, 1.5, 0, 0], "masked": [None, 1.5, None, 0]},
        ),
        (
            "divided_by_zero",
            lambda i: i.expression("b('b') % b('a')"),
            {"zero": [0, 2, 0, 0], "masked": [None, 2, 0, None]},
        ),
        (
            "difference_of_zeros",
            lambda i: i.normalizedDifference(["a", "b"]),
            {"zero": [0, pytest.approx(0.2), 1, -1], "masked": [None, pytest.approx(0.2), 1, -1]},
        ),
        ("even_medians", MEDIAN, {"between": [0, 2.5, 2, 2.5], "lower": [0, 2, 0, 0]}),
        (
            "even_medians",
            lambda i: IMAGES(i).median(),
            {"between": [0, 2.5, 2, 2.5], "lower": [0, 2, 0, 0]},
        ),
        (
            "percentiles",
            lambda i: i.reduce(ee.Reducer.percentile([25])),
            {"between": [0, 2.25, 1, 1.25], "lower": [0, 2, 0, 0]},
        ),
        (
            "convolutions",
            lambda i: i.select("a").convolve(ee.Kernel.fixed(3, 1, [[0, 0, 1]])),
            {"as_written": [3, 4, 0, 0], "turned": [0, 0, 3, 4]},
        ),
    ],
)
def test_what_no_page_tells_of_pixels_is_a_knob(
    start: Callable[..., Simulator], knob: str, formula: Formula, expected: dict[str, list[Any]]
) -> None:
    for setting, wanted in expected.items():
        simulator = start(**{knob: setting})
        image = ee.Image(put_image(simulator, "image", a=("uint8", A), b=("uint8", B)))

        (found,) = rows(formula(image)).values()
        assert found == wanted
