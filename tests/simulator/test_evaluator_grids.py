"""On which pixels exports of assets are evaluated: grids, regions and scales."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geesync.simulator.computing.evaluator import check, evaluate
from geesync.simulator.computing.projections import Projection, aligned
from geesync.simulator.computing.regions import export_grid
from geesync.simulator.computing.scene import Scene
from geesync.simulator.refusals import ExportRefused
from geesync.simulator.world.pixels import SimGrid
from tests.simulator.graphs import GRID, account, band, call, evaluated, image, load, pixels

COARSE = SimGrid("EPSG:32633", (20.0, 0.0, 500000.0, 0.0, -20.0, 5200000.0), 2, 2)


def test_coarse_bands_are_repeated_on_fine_pixels() -> None:
    values, _ = pixels(evaluated(load(), band([[1, 2], [3, 4]], grid=COARSE)))

    assert values.tolist() == [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4]]


def test_reprojecting_samples_the_nearest_pixel() -> None:
    coarse = call("Projection", crs="EPSG:32633", transform=list(COARSE.transform))
    node = call("Image.reproject", image=load(), crs=coarse)

    values, _ = pixels(evaluated(node, band(np.arange(12).reshape(3, 4))))

    assert values[0, 0] == values[0, 1] == values[1, 0] == values[1, 1]
    assert values[0, 2] == values[1, 3]
    assert values[0, 0] != values[0, 2]


def test_the_client_s_exact_rectangle_is_the_asset_s_own_grid() -> None:
    # Captured from ee.batch.Export.image.toCloudStorage(crs=…, crsTransform=…, dimensions=…).
    expression = json.loads(
        """{"result": "0", "values": {"1": {"functionInvocationValue": {"functionName":
        "Image.reproject", "arguments": {"crs": {"functionInvocationValue": {"functionName":
        "Projection", "arguments": {"crs": {"constantValue": "EPSG:32633"}}}}, "crsTransform":
        {"constantValue": [10, 0, 500000, 0, -10, 5200000]}, "image":
        {"functionInvocationValue": {"functionName": "Image.load", "arguments": {"id":
        {"constantValue": "a"}}}}}}}, "0": {"functionInvocationValue": {"functionName":
        "Image.clipToBoundsAndScale", "arguments": {"geometry": {"functionInvocationValue":
        {"functionName": "GeometryConstructors.Rectangle", "arguments": {"coordinates":
        {"constantValue": [0, 0, 4, 3]}, "crs": {"functionInvocationValue": {"functionName":
        "Image.projection", "arguments": {"image": {"valueReference": "1"}}}}, "evenOdd":
        {"constantValue": true}, "geodesic": {"constantValue": false}}}}, "input":
        {"valueReference": "1"}}}}}}"""
    )
    check(expression)

    result = evaluate(expression, Scene(account(a=image(band(5)))))

    assert export_grid(result, {}) == GRID
    assert (pixels(result).values == 5).all()


def test_a_scale_alone_puts_pixels_on_multiples_of_it() -> None:
    square = [[[15.001, 46.95], [15.001, 46.96], [15.01, 46.96], [15.01, 46.95]]]
    region = call("GeometryConstructors.Polygon", coordinates=square, evenOdd=True)
    node = call("Image.clipToBoundsAndScale", input=load(), geometry=region, scale=30)

    grid = export_grid(evaluated(node, band(1)), {})

    assert grid.transform[0] == -grid.transform[4] == 30
    assert grid.transform[2] % 30 == grid.transform[5] % 30 == 0
    assert (grid.width, grid.height) == (24, 38)


def test_a_region_can_be_cut_into_a_number_of_pixels() -> None:
    region = call("GeometryConstructors.BBox", west=10, south=40, east=12, north=41)
    degrees = call("Projection", crs="EPSG:4326")
    image_in_degrees = call("Image.setDefaultProjection", image=load(), crs=degrees)
    node = call(
        "Image.clipToBoundsAndScale", input=image_in_degrees, geometry=region, width=8, height=2
    )

    grid = export_grid(evaluated(node, band(1)), {})

    assert grid == SimGrid("EPSG:4326", (0.25, 0.0, 10.0, 0.0, -0.5, 41.0), 8, 2)


def test_clipping_masks_what_lies_outside() -> None:
    own = call("Image.projection", image=load())
    triangle = [[[0, 0], [3.9, 0], [0, 3.9], [0, 0]]]
    region = call("GeometryConstructors.Polygon", coordinates=triangle, crs=own)

    _, mask = pixels(evaluated(call("Image.clip", input=load(), geometry=region), band(1)))

    assert mask.tolist() == [[1, 1, 1, 0], [1, 1, 0, 0], [1, 0, 0, 0]]


def test_the_grid_of_a_request_wins_over_the_image_s_own() -> None:
    wanted = {
        "crsCode": "EPSG:32633",
        "affineTransform": {"scaleX": 5, "scaleY": -5, "translateX": 500000},
        "dimensions": {"width": 9, "height": 2},
    }

    grid = export_grid(evaluated(load(), band(1)), wanted)

    assert grid == SimGrid("EPSG:32633", (5.0, 0.0, 500000.0, 0.0, -5.0, 0.0), 9, 2)


def test_an_image_without_an_end_cannot_be_exported() -> None:
    with pytest.raises(ExportRefused, match="Unable to export unbounded image"):
        export_grid(evaluated(call("Image.constant", value=1)), {})


@given(
    columns=st.integers(-50, 50),
    rows=st.integers(-50, 50),
    scale=st.sampled_from([0.00025, 1 / 3, 10.0, 463.3127165275]),
)
def test_rectangles_of_one_projection_are_aligned_whatever_the_rounding(
    columns: int, rows: int, scale: float
) -> None:
    projection = Projection("EPSG:4326", (scale, 0.0, -123.4567, 0.0, -scale, 54.321))

    moved = projection.grid(columns, rows, 5, 5)

    assert aligned(projection, moved) == (rows, columns)
