"""Pixels at once, as the unmodified client asks for them: getPixels and computePixels."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import ee
import numpy as np
import pytest
from rasterio.errors import NotGeoreferencedWarning
from rasterio.io import MemoryFile

from geesync.simulator import Simulator
from geesync.simulator.world.pixels import SimAsset, SimBand, SimGrid
from geesync.simulator.world.truth import truth

SCENE = "projects/earthengine-legacy/assets/users/demo/scenes/s0000"
ELEVATION = "projects/earthengine-legacy/assets/users/demo/elevation"
WIDE = "projects/demo-project/assets/wide"
GRID = SimGrid("EPSG:32633", (10.0, 0.0, 500000.0, 0.0, -10.0, 5200000.0), 4, 3)

Start = Callable[..., Simulator]


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """One for all: most tests only read."""
    with Simulator("small") as running:
        yield running


pytestmark = pytest.mark.usefixtures("earth_engine")


def get(asset: str = SCENE, **asked: Any) -> Any:
    """Return the array that getPixels answers with."""
    return ee.data.getPixels({"assetId": asset, "fileFormat": "NUMPY_NDARRAY", **asked})


def compute(image: ee.Image, **asked: Any) -> Any:
    """Return the array that computePixels answers with."""
    return ee.data.computePixels({"expression": image, "fileFormat": "NUMPY_NDARRAY", **asked})


def grid_of(asset: SimAsset, band: int = 0, **changes: Any) -> dict[str, Any]:
    """Return the grid of a band as a request has it."""
    grid = asset.bands[band].grid
    x, _, left, _, y, top = grid.transform
    return {
        "crsCode": grid.crs,
        "affineTransform": {"scaleX": x, "scaleY": y, "translateX": left, "translateY": top},
        "dimensions": {"width": grid.width, "height": grid.height},
        **changes,
    }


def masked_to_zero(asset: SimAsset, band: str) -> Any:
    values, mask = truth(asset, band)
    return np.where(mask > 0, values, 0)


def put_wide(simulator: Simulator) -> SimAsset:
    """Put an image whose declared range needs 64 bits."""
    values = np.arange(12).reshape(3, 4) * 2**40
    band = SimBand("w", GRID, "INT", (-(2**63), 2**63 - 1), lambda: (values, None))
    return simulator.world.put(SimAsset(name=WIDE, type="IMAGE", bands=(band,)))


def test_bands_of_several_types_come_in_one_array_on_the_first_ones_grid(
    simulator: Simulator,
) -> None:
    asset = simulator.world.get(SCENE)

    array = get()

    assert array.dtype.descr == [("B4", "<u2"), ("B5", "<u2"), ("B1", "<f4")]
    assert array.shape == (36, 60)
    assert (array["B4"] == masked_to_zero(asset, "B4")).all()
    assert (array["B5"] == np.kron(truth(asset, "B5").values, np.ones((2, 2)))).all()


def test_an_array_is_numpy_s_first_format_in_c_order() -> None:
    content = ee.data.getPixels({"assetId": SCENE, "fileFormat": "NPY"})

    file = io.BytesIO(content)
    assert np.lib.format.read_magic(file) == (1, 0)
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
    assert (shape, fortran_order) == ((36, 60), False)
    assert len(content) == file.tell() + 36 * 60 * dtype.itemsize


def test_masked_pixels_are_zero(simulator: Simulator) -> None:
    _, mask = truth(simulator.world.get(SCENE), "B4")

    array = get()

    assert (mask == 0).any()
    assert (array["B4"][mask == 0] == 0).all()


def test_whole_numbers_of_64_bits_come_as_doubles(simulator: Simulator) -> None:
    asset = put_wide(simulator)

    array = get(WIDE)

    assert array.dtype.descr == [("w", "<f8")]
    assert (array["w"] == truth(asset, "w").values).all()


def test_a_grid_without_a_crs_is_in_the_asset_s_own(simulator: Simulator) -> None:
    asset = simulator.world.get(SCENE)
    grid = grid_of(asset)
    del grid["crsCode"]
    grid["affineTransform"]["translateX"] += 200
    grid["dimensions"] = {"width": 7, "height": 5}

    array = get(grid=grid, bandIds=["B4"])

    assert (array["B4"] == masked_to_zero(asset, "B4")[:5, 20:27]).all()


def test_a_crs_may_be_given_as_wkt(simulator: Simulator) -> None:
    asset = simulator.world.get(SCENE)
    with (
        MemoryFile(
            ee.data.getPixels({"assetId": SCENE, "bandIds": ["B1"], "fileFormat": "GEO_TIFF"})
        ) as file,
        file.open() as dataset,
    ):
        wkt = dataset.crs.to_wkt()
    grid = grid_of(asset)
    del grid["crsCode"]

    array = get(grid={**grid, "crsWkt": wkt})

    assert (array["B4"] == masked_to_zero(asset, "B4")).all()


def test_dimensions_alone_stretch_over_the_image(simulator: Simulator) -> None:
    array = get(grid={"dimensions": {"width": 30, "height": 18}}, bandIds=["B5"])

    assert (array["B5"] == truth(simulator.world.get(SCENE), "B5").values).all()


def test_a_region_is_covered_by_whole_pixels(simulator: Simulator) -> None:
    asset = simulator.world.get(SCENE)
    west, south = asset.geometry["coordinates"][0][0] if asset.geometry else (0, 0)
    x, y = west + 0.001, south - 0.001
    ring = [[x, y], [x + 0.001, y], [x + 0.001, y - 0.001], [x, y - 0.001], [x, y]]

    array = get(region={"type": "Polygon", "coordinates": [ring]}, bandIds=["B4"])

    height, width = array.shape
    assert 0 < height < 36
    assert 0 < width < 60


def test_a_pixel_beyond_the_image_is_zero(simulator: Simulator) -> None:
    asset = simulator.world.get(ELEVATION)
    grid = grid_of(asset)
    grid["affineTransform"]["translateX"] -= 30
    grid["dimensions"] = {"width": 3, "height": 2}

    array = get(ELEVATION, grid=grid)

    values = truth(asset, "elevation").values
    assert (array["elevation"][:, 0] == 0).all()
    assert (array["elevation"][:, 1:] == values[:2, :2]).all()


def test_a_geotiff_has_the_grid_and_the_bands(simulator: Simulator) -> None:
    asset = simulator.world.get(ELEVATION)

    content = ee.data.getPixels({"assetId": ELEVATION, "fileFormat": "GEO_TIFF"})

    with MemoryFile(content) as file, file.open() as dataset:
        assert tuple(dataset.transform)[:6] == asset.bands[0].grid.transform
        assert dataset.crs == asset.bands[0].grid.crs
        assert dataset.descriptions == ("elevation",)
        assert dataset.nodata is None
        assert (dataset.read(1) == truth(asset, "elevation").values).all()


def test_a_geotiff_holds_one_type_only() -> None:
    with pytest.raises(ee.EEException, match="inconsistent types: UInt16 and Float32"):
        ee.data.getPixels({"assetId": SCENE, "fileFormat": "GEO_TIFF"})


def test_a_png_has_the_bytes_of_a_band(simulator: Simulator) -> None:
    landcover = "projects/earthengine-legacy/assets/users/demo/deep/er/landcover"

    content = ee.data.getPixels({"assetId": landcover, "fileFormat": "PNG"})

    expected = masked_to_zero(simulator.world.get(landcover), "class")
    with MemoryFile(content) as file:
        with pytest.warns(NotGeoreferencedWarning):
            dataset = file.open()
        assert (dataset.read(1) == expected).all()
        dataset.close()


@pytest.mark.parametrize(("same_footprint", "outside"), [(True, 0), (False, 9)])
def test_pixels_beyond_the_footprint_are_filled_only_if_told(
    simulator: Simulator,
    same_footprint: bool,  # noqa: FBT001 - a parameter of the table above
    outside: int,
) -> None:
    grid = grid_of(simulator.world.get(SCENE))
    grid["affineTransform"]["translateX"] -= 10
    image = ee.Image(SCENE).select("B4").unmask(9, same_footprint)

    array = compute(image, grid=grid)

    assert (array["B4"][:, 0] == outside).all()


def test_values_and_masks_come_as_fields_of_one_array(simulator: Simulator) -> None:
    image = ee.Image(SCENE).select("B4")
    values, mask = truth(simulator.world.get(SCENE), "B4")

    array = compute(image.addBands(image.mask().rename("m")))

    assert (array["m"] == mask).all()
    assert (array["B4"][mask > 0] == values[mask > 0]).all()


@pytest.mark.parametrize(
    ("size", "bands", "words"),
    [
        ((4096, 4096), 1, None),
        (
            (4097, 4096),
            1,
            r"Total request size \(50343936 bytes\) must be less than or equal to 50331648 bytes",
        ),
        (
            (32769, 1),
            1,
            r"Pixel grid dimensions \(32769x1\) must be less than or equal to 32768",
        ),
        ((32768, 1), 1, None),
        ((1, 1), 1025, r"Number of bands \(1025\) must be less than or equal to 1024"),
        ((0, 5), 1, r"grid\.dimensions\.width.*must be positive"),
    ],
)
def test_a_request_may_be_so_large_and_no_larger(
    size: tuple[int, int], bands: int, words: str | None
) -> None:
    grid = {
        "crsCode": "EPSG:4326",
        "affineTransform": {"scaleX": 0.001, "scaleY": -0.001},
        "dimensions": {"width": size[0], "height": size[1]},
    }
    image = ee.Image.constant([1] * bands).toUint16()

    if words is None:
        array = compute(image, grid=grid)
        assert array.shape == (size[1], size[0])
        assert (array["constant"] == 1).all()
    else:
        with pytest.raises(ee.EEException, match=words):
            compute(image, grid=grid)


@pytest.mark.parametrize(
    ("knob", "words"),
    [
        ("direct_memory_bytes", "User memory limit exceeded."),
        ("direct_timeout_bytes", "Computation timed out."),
    ],
)
def test_too_much_for_the_memory_or_the_time_is_told_and_half_of_it_goes(
    start: Start, knob: str, words: str
) -> None:
    simulator = start(**{knob: 30 * 36 * 3})
    grid = grid_of(simulator.world.get(SCENE))

    with pytest.raises(ee.EEException, match=words):
        get(grid=grid, bandIds=["B4"])
    half = get(grid={**grid, "dimensions": {"width": 30, "height": 36}}, bandIds=["B4"])

    assert half.shape == (36, 30)


def test_so_many_compute_at_once_and_others_are_told_to_wait(start: Start) -> None:
    simulator = start(direct_at_once=1)
    band = simulator.world.get(SCENE).bands[0]
    begun, go_on = threading.Event(), threading.Event()

    def load() -> Any:
        begun.set()
        go_on.wait(30)
        return band.load()

    slow = replace(band, load=load)
    simulator.world.put(replace(simulator.world.get(SCENE), name=WIDE, bands=(slow,)))
    first = threading.Thread(target=get, args=(WIDE,))
    first.start()
    begun.wait(30)

    with pytest.raises(ee.EEException, match="Too Many Requests"):
        get()
    listed = ee.data.getAsset(SCENE)
    go_on.set()
    first.join()

    assert listed["type"] == "IMAGE"
    assert get().shape == (36, 60)


def test_what_may_not_be_read_is_not_there(start: Start) -> None:
    simulator = start()
    simulator.world.permissions.deny(SCENE, "earthengine.assets.get")

    with pytest.raises(ee.EEException, match="does not exist or doesn't allow this operation"):
        get()
    with pytest.raises(ee.EEException, match=r"Image\.load: Image asset '.*s0000' not found"):
        compute(ee.Image(SCENE))


def test_reading_pixels_needs_no_right_but_to_read(start: Start) -> None:
    simulator = start()
    simulator.world.permissions.deny("", "earthengine.computations.create")

    assert get().shape == (36, 60)
    with pytest.raises(ee.EEException, match=r"'earthengine\.computations\.create' denied"):
        compute(ee.Image(SCENE))


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"bandIds": ["nope"]}, "'nope' did not match any bands"),
        ({"bandIds": ["B4", "B4"]}, "Duplicate band names"),
        ({"fileFormat": "TF_RECORD_IMAGE"}, "as NPY, GEO_TIFF, PNG, not TF_RECORD_IMAGE"),
        ({"grid": {"crsCode": "EPSG:0"}}, "could not be parsed"),
        ({"grid": {"scale": 30}}, "Unknown name \"scale\" at 'grid'"),
        ({"region": {"type": "Polygon"}}, "Invalid GeoJSON geometry"),
        ({"region": {"type": "Polygon", "coordinates": [["x"]]}}, "Invalid GeoJSON geometry"),
        ({"visualizationOptions": {"ranges": []}}, "does not have visualizationOptions"),
    ],
)
def test_what_cannot_be_answered_is_a_bad_request(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(ee.EEException, match=words):
        ee.data.getPixels({"assetId": SCENE, "fileFormat": "NPY", **asked})


def test_a_table_has_no_pixels() -> None:
    with pytest.raises(ee.EEException, match="is not an Image"):
        get("projects/demo-project/assets/stations")


def test_the_audit_tells_what_was_asked_for(start: Start) -> None:
    simulator = start()
    get(bandIds=["B5"], grid={"dimensions": {"width": 3, "height": 2}})
    compute(ee.Image(ELEVATION))

    asked, computed = simulator.audit.records("get_pixels") + simulator.audit.records(
        "compute_pixels"
    )
    assert asked.target == SCENE
    assert asked.details["bands"] == ["B5"]
    assert asked.details["grid"]["dimensions"] == {"width": 3, "height": 2}
    assert computed.details["assets"] == [ELEVATION]
    assert computed.details["grid"]["crsCode"] == "EPSG:32632"
