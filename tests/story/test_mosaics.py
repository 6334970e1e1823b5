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

from geesync.domain.mirror.vrt import vrt
from geesync.simulator.profiles import CALM
from geesync.simulator.simulator import Simulator
from geesync.simulator.world.pixels import SimBand, SimGrid
from geesync.steps.mirror import derived_files
from tests.story.accounts import HOME, a_band, an_account, an_image
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


SOFT = np.where(RNG.random((ROWS, COLUMNS)) > 0.3, RNG.random((ROWS, COLUMNS)), 1).astype("float32")


BY_BAND = {"red": MASK, "nir": MASK[::-1]}


@pytest.mark.parametrize("file", ["img.mask.vrt", "img.mask.cog.tif"])
def test_what_is_made_of_masks_holds_their_fractions(tmp_path: Path, file: str) -> None:
    band = a_band("b", VALUES.astype("uint8"), np.where(MASK, SOFT, 0))
    with (
        mirrored(tmp_path, band, masks="separate", mosaic="cog") as folder,
        rasterio.open(folder / file) as dataset,
    ):
        np.testing.assert_array_equal(dataset.read(1), np.where(MASK, SOFT, 0))


@pytest.mark.parametrize("mode", ["nodata", "separate"])
def test_a_cloud_optimised_file_carries_its_masks(tmp_path: Path, mode: str) -> None:
    band = a_band("b", VALUES.astype("uint8"), MASK)
    with mirrored(tmp_path, band, masks=mode, mosaic="cog") as folder:
        check(folder / "img.cog.tif", VALUES, MASK)


def test_bands_whose_masks_differ_have_a_cloud_optimised_file_each(tmp_path: Path) -> None:
    """A GeoTIFF has one mask for all of its bands."""
    bands = [a_band(name, VALUES.astype("uint8"), mask) for name, mask in BY_BAND.items()]
    with mirrored(tmp_path, *bands, masks="separate", mosaic="cog") as folder:
        assert not (folder / "img.cog.tif").exists()
        for number, (name, mask) in enumerate(BY_BAND.items(), 1):
            with rasterio.open(folder / f"img.{number}.cog.tif") as dataset:
                assert dataset.descriptions == (name,)
                np.testing.assert_array_equal(dataset.read_masks(1) > 0, mask)
                np.testing.assert_array_equal(dataset.read(1)[mask], VALUES[mask])
        with rasterio.open(folder / "img.mask.cog.tif") as dataset:
            np.testing.assert_array_equal(dataset.read() > 0, list(BY_BAND.values()))


def test_a_grid_whose_code_nobody_knows_keeps_its_crs_in_all_that_is_made(tmp_path: Path) -> None:
    """SR-ORG:6974 is the grid of all MODIS products; PROJ does not know its code."""
    edge = 463.3127165279165
    grid = SimGrid("SR-ORG:6974", (edge, 0, 1111950.52, 0, -edge, 5559752.6), COLUMNS, ROWS)
    band = replace(a_band("b", VALUES.astype("int16"), MASK, declared=(0, 255)), grid=grid)
    with mirrored(tmp_path, band, mosaic="cog") as folder:
        for file in (*folder.glob("img*.tif"), folder / "img.vrt"):
            with rasterio.open(file) as dataset:
                assert "sinu" in dataset.crs.to_proj4()
        item = json.loads((folder / "item.json").read_text())
        told = [one for one in item["assets"].values() if "proj:shape" in one]
        assert {one["proj:code"] for one in told} == {None}
        assert all("Sinusoidal" in one["proj:wkt2"] for one in told)
        assert not list(folder.rglob("*.aux.xml"))  # nothing that the check would call unknown


@pytest.mark.parametrize(
    ("right", "wrong", "told"),
    [
        (b"EPSG:32633", b"EPSG:32634", "CRS"),
        (b'xOff="256"', b'xOff="0"', "pixels"),
        (b"1e-45:255", b"0.9:0,1:255", "masked pixels"),
        (b"30.0", b"31.0", "transform"),
        (b'"Float32"', b'"Float64"', "types"),
    ],
)
def test_what_is_made_is_compared_with_the_files_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, right: bytes, wrong: bytes, told: str
) -> None:
    def distorted(*given: Any, **how: Any) -> bytes:
        text = vrt(*given, **how)
        assert right in text
        return text.replace(right, wrong)

    monkeypatch.setattr(derived_files, "vrt", distorted)
    band = a_band("b", VALUES.astype("float32"), np.where(MASK, SOFT, 0))
    account = an_account(an_image("img", band))
    with (
        Simulator(account, profile=replace(CALM, file_edge=256)) as simulator,
        a_world(simulator, tmp_path) as world,
    ):
        world.enqueue("users/x", masks="separate")
        for _ in range(20):
            world.run()
            simulator.advance(60)

        assert told in world.show(f"{HOME}/img")["reason"]
        assert not (world.mirror / "users/x/img/img.vrt").exists()
