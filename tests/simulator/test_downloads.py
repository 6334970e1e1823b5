"""Downloads of images by links, as ``getDownloadURL`` makes them."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import ee
import httpx
import numpy as np
import pytest
from rasterio.io import MemoryFile

from geesync.simulator import Simulator
from geesync.simulator.world.truth import truth

SCENE = "projects/earthengine-legacy/assets/users/demo/scenes/s0000"
ELEVATION = "projects/earthengine-legacy/assets/users/demo/elevation"


def fetched(image: ee.Image, **asked: Any) -> httpx.Response:
    return httpx.get(image.getDownloadURL(asked), timeout=60)


def test_a_geotiff_is_exact_and_names_what_is_masked(shared_simulator: Simulator) -> None:
    asset = shared_simulator.world.get(SCENE)
    values, mask = truth(asset, "B4")

    content = fetched(ee.Image(SCENE), bands=["B4"], format="GEO_TIFF").content

    with MemoryFile(content) as file, file.open() as dataset:
        assert tuple(dataset.transform)[:6] == asset.bands[0].grid.transform
        assert dataset.nodata == 0
        assert (dataset.read(1) == np.where(mask > 0, values, 0)).all()


@pytest.mark.usefixtures("shared_simulator")
def test_part_of_an_image_can_be_had_on_its_own_pixels() -> None:
    asked = {
        "crs": "EPSG:32632",
        "crs_transform": [30, 0, 681780, 0, -30, 5230170],
        "dimensions": [10, 8],
    }

    array = np.load(io.BytesIO(fetched(ee.Image(ELEVATION), format="NPY", **asked).content))

    assert array.shape == (8, 10)


@pytest.mark.usefixtures("shared_simulator")
def test_bands_of_several_types_come_in_files_of_their_own() -> None:
    content = fetched(ee.Image(SCENE), name="scene", scale=10).content

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["scene.B4.tif", "scene.B5.tif", "scene.B1.tif"]


@pytest.mark.usefixtures("shared_simulator")
def test_too_long_a_side_is_refused() -> None:
    image = ee.Image.constant(1).toByte()
    grid = {"crs": "EPSG:4326", "crs_transform": [0.01, 0, 0, 0, -0.01, 0]}

    answer = fetched(image, format="GEO_TIFF", dimensions=[10001, 1], **grid)

    assert answer.status_code == 400
    assert "(10001x1) must be less than or equal to 10000" in answer.text


def test_a_link_ends_after_two_hours(shared_simulator: Simulator) -> None:
    url = ee.Image(ELEVATION).getDownloadURL({"format": "GEO_TIFF"})

    first = httpx.get(url).status_code
    shared_simulator.advance(2 * 3600)

    assert (first, httpx.get(url).status_code) == (200, 404)
