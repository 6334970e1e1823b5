"""Tiles and masks in files of their own open as one image."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from geesync.simulator.profiles import CALM
from geesync.simulator.simulator import Simulator
from geesync.simulator.world.pixels import SimBand
from tests.story.accounts import a_band, an_account, an_image
from tests.story.world import a_world

ROWS, COLUMNS = 300, 530
RNG = np.random.default_rng(3)
VALUES = RNG.integers(0, 255, (ROWS, COLUMNS), endpoint=True)
MASK = RNG.random((ROWS, COLUMNS)) > 0.4


@contextmanager
def mirrored(folder: Path, *bands: SimBand, **options: object) -> Iterator[Path]:
    """Mirror one image that comes in tiles of 256 pixels; yields its folder."""
    profile = replace(CALM, file_edge=256)
    account = an_account(an_image("img", *bands))
    with Simulator(account, profile=profile) as simulator, a_world(simulator, folder) as world:
        world.enqueue("users/x", **options)
        world.settle()
        assert world.counts() == {"verified": 2}, world.status()
        yield world.mirror / "users/x/img"


def check(file: Path, values: NDArray[Any], mask: NDArray[np.bool_]) -> None:
    with rasterio.open(file) as dataset:
        assert dataset.descriptions == ("b",)
        assert dataset.crs.to_epsg() == 32633
        np.testing.assert_array_equal(dataset.read_masks(1) > 0, mask)
        np.testing.assert_array_equal(dataset.read(1)[mask], values[mask])


@pytest.mark.parametrize("mode", ["nodata", "separate"])
def test_tiles_open_as_one_image_with_its_masks(tmp_path: Path, mode: str) -> None:
    with mirrored(tmp_path, a_band("b", VALUES.astype("uint8"), MASK), masks=mode) as folder:
        assert len(list(folder.glob("img0*.tif"))) == 6
        check(folder / "img.vrt", VALUES, MASK)


def test_who_opens_a_vrt_cannot_write_into_it(tmp_path: Path) -> None:
    """GDAL writes the statistics that QGIS asks for into the VRT itself, where it may."""
    with mirrored(tmp_path, a_band("b", VALUES.astype("uint8"), MASK)) as folder:
        assert (folder / "img.vrt").stat().st_mode & 0o777 == 0o444


def test_masks_of_a_single_file_open_with_it_and_the_least_of_them_is_valid(
    tmp_path: Path,
) -> None:
    values = RNG.normal(size=(9, 12))
    mask = np.where(values > 0, np.float32(1e-38), 0)
    with mirrored(tmp_path, a_band("b", values, mask)) as folder:
        check(folder / "img.vrt", values, mask > 0)


def test_what_is_whole_in_one_file_needs_no_other(tmp_path: Path) -> None:
    with mirrored(tmp_path, a_band("b", VALUES[:9, :12].astype("uint8"), MASK[:9, :12])) as folder:
        assert not list(folder.glob("*.vrt"))


def test_one_cloud_optimised_file_is_made_of_tiles_where_it_is_asked_for(tmp_path: Path) -> None:
    values = VALUES.astype("float32")
    values[:2] = np.nan
    with mirrored(tmp_path, a_band("b", values, MASK), mosaic="cog") as folder:
        check(folder / "img.cog.tif", values, MASK)
        with rasterio.open(folder / "img.cog.tif") as dataset:
            assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        made = json.loads((folder / "geesync.json").read_text())["made"]
        assert [file["name"] for file in made] == ["img.vrt", "img.cog.tif"]
