"""Expressions as the real client writes them, evaluated without an export around them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ee
import numpy as np
import pytest

from geesync.simulator import Simulator
from geesync.simulator.computing.evaluator import check, evaluate
from geesync.simulator.computing.images import Image
from geesync.simulator.computing.regions import export_grid
from geesync.simulator.computing.scene import Scene
from geesync.simulator.messages.expression_message import expression

SCENE = "projects/earthengine-legacy/assets/users/demo/scenes/s0000"
ELEVATION = "users/demo/elevation"

Evaluate = Callable[[Any], Image]


@pytest.fixture
def evaluated(simulator: Simulator, earth_engine: Any) -> Evaluate:
    """Evaluate what the client would send."""
    assert earth_engine.is_initialized()

    def run(value: Any) -> Image:
        sent = ee.serializer.encode(value, for_cloud_api=True)
        parsed = expression(sent, "expression")
        check(parsed)
        result = evaluate(parsed, Scene(simulator.world))
        assert isinstance(result, Image)
        return result

    return run


def test_bands_can_be_chosen_cast_renamed_and_unmasked(evaluated: Evaluate) -> None:
    scene = ee.Image(SCENE)
    value = scene.select("B4").toInt32().unmask(-1).addBands(scene.select(["B5"], ["x"]).int32())

    result = evaluated(value.rename(["a", "b"]))

    grid = export_grid(result, {})
    assert [(band.id, band.type.dtype.name) for band in result.bands] == [
        ("a", "int32"),
        ("b", "int32"),
    ]
    assert -1 in result.bands[0].read(grid).values


def test_masks_of_all_bands_are_floats(evaluated: Evaluate) -> None:
    result = evaluated(ee.Image(SCENE).mask())

    assert [band.type.dtype.name for band in result.bands] == ["float32"] * 3
    assert set(np.unique(result.bands[0].read(export_grid(result, {})).values)) == {0, 1}


def test_casting_each_band_to_a_type_of_its_own(evaluated: Evaluate) -> None:
    types = {"B4": "uint8", "B1": "double"}

    result = evaluated(ee.Image(SCENE).cast(types))

    assert [band.type.dtype.name for band in result.bands] == ["uint8", "uint16", "float64"]


@pytest.mark.parametrize(
    ("arguments", "size"),
    [
        ({"crs": "EPSG:32632", "crs_transform": [60, 0, 0, 0, -60, 0]}, (32, 24)),
        (
            {
                "crs": "EPSG:32632",
                "crs_transform": [30, 0, 681780, 0, -30, 5230170],
                "dimensions": [61, 47],
            },
            (61, 47),
        ),
        ({"scale": 90}, (21, 16)),
        ({"dimensions": "100x50"}, (100, 50)),
        ({"dimensions": 20}, (20, 15)),
        ({"region": [[11.4, 47.19], [11.41, 47.19], [11.41, 47.2]], "scale": 30}, (27, 38)),
    ],
)
def test_the_arguments_of_an_export_give_the_grid(
    evaluated: Evaluate, arguments: dict[str, Any], size: tuple[int, int]
) -> None:
    region = arguments.pop("region", None)
    if region:
        arguments["region"] = ee.Geometry.Polygon([region])
    image, rest = ee.Image(ELEVATION).prepare_for_export(arguments)

    result = evaluated(image)

    grid = export_grid(result, {})
    assert rest == {}
    assert (grid.width, grid.height) == pytest.approx(size, abs=1)
    assert result.bands[0].read(grid).mask.any()


def test_the_whole_footprint_in_degrees_covers_the_image(evaluated: Evaluate) -> None:
    image = ee.Image(ELEVATION)
    region = image.geometry()

    result = evaluated(image.clip(region).reproject("EPSG:4326", None, 30))

    grid = export_grid(result, {})
    assert grid.crs == "EPSG:4326"
    assert result.bands[0].read(grid).mask.mean() > 0.9
