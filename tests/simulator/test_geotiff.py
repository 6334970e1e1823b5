"""The GeoTIFF files of exports, read back with GDAL."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from geesync.simulator import CALM
from geesync.simulator.computing.scene import Scene
from geesync.simulator.exports.geotiff import default_edge
from geesync.simulator.exports.writer import write_export
from geesync.simulator.refusals import ExportRefused
from geesync.simulator.scenarios import load_scenario
from geesync.simulator.scenarios.landscape import TYPES, make_band
from geesync.simulator.scenarios.tree import walk
from geesync.simulator.world.pixels import SimAsset, SimGrid
from geesync.simulator.world.truth import compare
from tests.simulator.graphs import account, band, graph, image, load

SINUSOIDAL = next(
    band.grid.crs
    for asset in walk(load_scenario("demo"))
    for band in asset.bands
    if asset.name.endswith("shapes/sinusoidal")
)
CRSS = ("EPSG:32633", "EPSG:4326", "EPSG:3857", SINUSOIDAL)
MIXED_TYPES = (
    "Exported bands must have compatible data types; found inconsistent types: Int16 and Byte."
)
TOO_LARGE = (
    "Export too large: specified 12 pixels (max: 11). Specify higher maxPixels value if you"
    " intend to export a large area."
)
SENTINELS = {"f": -9.5e20, "i": -128, "u": 255}

Written = dict[str, Path]


def write(
    asset: SimAsset, folder: Path, options: dict[str, Any] | None = None, **knobs: Any
) -> Written:
    """Export a whole image and return its files by the names of their objects."""
    body = {
        "expression": graph(load()),
        "fileExportOptions": {
            "fileFormat": "GEO_TIFF",
            "cloudStorageDestination": {"bucket": "bkt", "filenamePrefix": "p/x"},
            "geoTiffOptions": options or {},
        },
        **knobs.pop("body", {}),
    }
    written = write_export(
        "image", body, Scene(account(a=asset)), folder / "x", replace(CALM, **knobs)
    )
    return {f"{bucket}/{name}": file for bucket, name, file in written}


@pytest.fixture
def export(tmp_path: Path) -> Callable[..., Written]:
    """Export an image of these bands."""

    def run(*bands: Any, **knobs: Any) -> Written:
        return write(image(*bands), tmp_path, **knobs)

    return run


def grid(width: int, height: int, crs: str = "EPSG:32633") -> SimGrid:
    return SimGrid(crs, (10.0, 0.0, 500000.0, 0.0, -10.0, 5200000.0), width, height)


@settings(max_examples=40, deadline=None)
@given(
    dtype=st.sampled_from(sorted(TYPES)),
    crs=st.sampled_from(CRSS),
    size=st.tuples(st.integers(1, 700), st.integers(1, 700)),
    mask=st.sampled_from(["none", "lakes", "soft", "swath"]),
    shear=st.sampled_from([0.0, 3.5]),
    switches=st.tuples(st.booleans(), st.booleans(), st.booleans()),
)
def test_every_pixel_arrives_whatever_its_type_and_file(  # noqa: PLR0917 - all drawn by name
    dtype: str,
    crs: str,
    size: tuple[int, int],
    mask: Any,
    shear: float,
    switches: tuple[bool, bool, bool],
) -> None:
    with_no_data, cloud_optimized, split = switches
    scale = 0.001 if crs == "EPSG:4326" else 10.0
    transform = (scale, shear * scale, 12.0, shear * scale, -scale, 46.0)
    span = None if dtype.startswith("f") else (0, 100)
    asset = image(
        *(
            make_band(
                name, SimGrid(crs, transform, *size), dtype, seed=1, value_range=span, mask=mask
            )
            for name in ("one", "two")
        )
    )
    weights = asset.bands[0].load()[1]
    assume(weights is None or weights.any())
    options: dict[str, Any] = {"cloudOptimized": cloud_optimized}
    if with_no_data:
        options["noData"] = {"floatValue": SENTINELS[np.dtype(dtype).kind]}

    with tempfile.TemporaryDirectory() as folder:
        files = write(asset, Path(folder), options, file_edge=256 if split else None)
        checks = compare(files.values(), asset)

    anything_masked = weights is not None and bool((weights == 0).any())
    assert all(check.exact for check in checks)
    assert all(check.masks_kept == (with_no_data or not anything_masked) for check in checks)


def test_a_file_says_all_that_earth_engine_s_do(export: Callable[..., Written]) -> None:
    files = export(
        band(1, dtype="int8", grid=grid(300, 200), name="red"),
        band(2, dtype="int8", grid=grid(300, 200), name="infra red"),
    )

    assert list(files) == ["bkt/p/x.tif"]
    with rasterio.open(files["bkt/p/x.tif"]) as dataset:
        assert dataset.descriptions == ("red", "infra red")
        assert dataset.dtypes == ("int8", "int8")
        assert dataset.block_shapes == [(256, 256)] * 2
        assert dataset.crs.to_epsg() == 32633
        assert tuple(dataset.transform)[:6] == grid(1, 1).transform
        assert dataset.nodata is None


@pytest.mark.parametrize("cloud_optimized", [False, True])
def test_files_are_always_big_tiffs(
    export: Callable[..., Written],
    cloud_optimized: bool,  # noqa: FBT001 - from the table above
) -> None:
    files = export(band(1), options={"cloudOptimized": cloud_optimized})

    order, version = struct.unpack("<2sH", files["bkt/p/x.tif"].read_bytes()[:4])
    assert (order, version) == (b"II", 43)


def test_masked_pixels_are_zero_unless_a_value_is_chosen(export: Callable[..., Written]) -> None:
    source = band(7, mask=[[0, 0.1, 0.5, 1]], dtype="float32")

    plain = export(source)["bkt/p/x.tif"]
    with rasterio.open(plain) as dataset:
        assert dataset.read(1)[0].tolist() == [0, 7, 7, 7]

    tagged = export(source, options={"noData": {"floatValue": -9999}})["bkt/p/x.tif"]
    with rasterio.open(tagged) as dataset:
        assert dataset.read(1)[0].tolist() == [-9999, 7, 7, 7]
        assert dataset.nodata == -9999


def test_large_images_are_split_row_before_column(export: Callable[..., Written]) -> None:
    source = make_band("b", grid(600, 300), "uint8", seed=1)

    files = export(source, file_edge=256)

    assert list(files) == [
        "bkt/p/x0000000000-0000000000.tif",
        "bkt/p/x0000000000-0000000256.tif",
        "bkt/p/x0000000000-0000000512.tif",
        "bkt/p/x0000000256-0000000000.tif",
        "bkt/p/x0000000256-0000000256.tif",
        "bkt/p/x0000000256-0000000512.tif",
    ]
    with rasterio.open(files["bkt/p/x0000000256-0000000512.tif"]) as dataset:
        assert (dataset.width, dataset.height) == (88, 44)
        assert dataset.transform.c, dataset.transform.f == (505120, 5197440)


def test_the_person_can_choose_the_size_of_files(export: Callable[..., Written]) -> None:
    options = {"tileDimensions": {"width": 512, "height": 256}}

    files = export(make_band("b", grid(600, 300), "uint8", seed=1), options=options)

    assert [name[-14:] for name in files] == [
        "0000000000.tif",
        "0000000512.tif",
        "0000000000.tif",
        "0000000512.tif",
    ]


@pytest.mark.parametrize("fill", [0.0, float("nan"), float("-inf")])
def test_what_masked_floats_become_is_a_knob(export: Callable[..., Written], fill: float) -> None:
    masked = band([[5, 6, 7, 8]], [[1, 0, 1, 1]], dtype="float32")

    written = export(masked, masked_float=fill)

    with rasterio.open(written["bkt/p/x.tif"]) as raster:
        np.testing.assert_array_equal(raster.read(1)[0], np.array([5, fill, 7, 8], "float32"))


@pytest.mark.parametrize(("split", "files"), [(True, 2), (False, 1)])
def test_whether_an_image_that_fits_is_split_is_a_knob(
    export: Callable[..., Written],
    split: bool,  # noqa: FBT001 - a column of the table
    files: int,
) -> None:
    wide = SimGrid("EPSG:32633", (10.0, 0.0, 500000.0, 0.0, -10.0, 5200000.0), 300, 8)
    options = {"tileDimensions": {"width": 256, "height": 256}}

    written = export(band(1, grid=wide), options=options, small_images_split=split)

    assert len(written) == files


def test_wholly_masked_files_can_be_left_out(export: Callable[..., Written]) -> None:
    half = np.zeros((100, 512))
    half[:, 300:] = 1
    source = band(1, mask=half, grid=grid(512, 100))

    everything = export(source, file_edge=256)
    only_valid = export(source, file_edge=256, options={"skipEmptyFiles": True})

    assert len(everything) == 2
    assert list(only_valid) == ["bkt/p/x0000000000-0000000256.tif"]


def test_bands_of_another_grid_are_resampled_to_the_first_one(
    export: Callable[..., Written],
) -> None:
    coarse = SimGrid("EPSG:32633", (20.0, 0.0, 500000.0, 0.0, -20.0, 5200000.0), 2, 2)
    fine = band(np.arange(12).reshape(3, 4), name="fine")

    files = export(fine, band([[1, 2], [3, 4]], grid=coarse, name="coarse"))

    with rasterio.open(files["bkt/p/x.tif"]) as dataset:
        assert dataset.read(2).tolist() == [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4]]


@pytest.mark.parametrize(
    ("bands", "knobs", "words"),
    [
        (
            [band(1, dtype="int16"), band(1, name="c")],
            {},
            MIXED_TYPES,
        ),
        (
            [band(1)],
            {"body": {"maxPixels": 11}},
            TOO_LARGE,
        ),
        ([band(1, mask=0)], {}, "No valid (un-masked) pixels in export region."),
        (
            [band(1)],
            {"options": {"noData": {"floatValue": -1}}},
            "The noData value -1 is not in the range of type Byte.",
        ),
        (
            [band(1)],
            {"options": {"tileDimensions": {"width": 300, "height": 300}}},
            "The file dimensions must be multiples of the shard size, 256.",
        ),
    ],
)
def test_exports_that_cannot_be_are_refused(
    export: Callable[..., Written], bands: list[Any], knobs: dict[str, Any], words: str
) -> None:
    with pytest.raises(ExportRefused) as refusal:
        export(*bands, **knobs)

    assert (refusal.value.code, refusal.value.message) == (3, words)


@pytest.mark.parametrize(
    ("bytes_per_pixel", "edge"),
    [(1, 46592), (2, 32768), (4, 23296), (12, 13568), (20, 10496), (48, 6912), (512, 2048)],
)
def test_the_edge_of_files_is_the_one_seen_in_public_exports(
    bytes_per_pixel: int, edge: int
) -> None:
    assert default_edge(bytes_per_pixel) == edge


def test_a_copy_that_differs_is_found_out(tmp_path: Path) -> None:
    asset = image(band(np.arange(12).reshape(3, 4), mask=[[1, 1, 1, 0]]))
    (file,) = write(asset, tmp_path, {"noData": {"floatValue": 255}}).values()
    with rasterio.open(file, "r+") as dataset:
        changed = dataset.read(1)
        changed[0, 0], changed[1, 1], changed[2, 3] = 99, 255, 11
        dataset.write(changed, 1)

    (check,) = compare([file], asset)

    assert (check.covered, check.wrong, check.lost, check.unmarked) == (12, 1, 1, 1)
    assert not check.exact


def test_a_copy_that_lacks_a_tile_is_found_out(tmp_path: Path) -> None:
    asset = image(make_band("b", grid(300, 10), "uint8", seed=1))
    files = list(write(asset, tmp_path, file_edge=256).values())

    assert compare(files, asset)[0].exact
    assert not compare(files[:1], asset)[0].exact
    assert not compare([*files, files[0]], asset)[0].exact
