"""What is calculated of a pixel's neighbours, and rows made of pixels: worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import ee
import numpy as np
import pytest

from geesync.simulator import Simulator
from geesync.simulator.scenarios.landscape import TYPES
from geesync.simulator.world.pixels import SimAsset, SimBand, SimGrid
from tests.simulator.computed import FOLDER, PLACE

GRID = SimGrid(PLACE.crs, PLACE.transform, 4, 3)
VALUES = np.arange(1, 13, dtype=np.uint8).reshape(3, 4)
HOLE = np.array([[1, 1, 1, 1], [1, 0, 1, 1], [1, 1, 1, 1]], np.float32)

Images = dict[str, Any]


@pytest.fixture(scope="module")
def images(shared_simulator: Simulator) -> Images:
    """``v`` counts from 1 to 12, row by row; in ``h`` its 6 is masked; ``two`` has both."""
    put = shared_simulator.world.put

    def made(name: str, start: str | None = None, **masks: Any) -> Any:
        bands = tuple(_band(band, mask) for band, mask in masks.items())
        asset = SimAsset(name=f"{FOLDER}/{name}", type="IMAGE", bands=bands, start_time=start)
        return ee.Image(put(asset).name)

    put(SimAsset(name=f"{FOLDER}/days", type="IMAGE_COLLECTION"))
    made("days/one", "2020-01-01T00:00:00Z", v=None)
    made("days/two", "2020-01-02T00:00:00Z", v=HOLE)
    return {"v": made("v", v=None), "h": made("h", h=HOLE), "two": made("two", v=None, h=HOLE)}


def _band(name: str, mask: Any) -> SimBand:
    return SimBand(name, GRID, *TYPES["uint8"], lambda: (VALUES, mask))


def grids(image: Any) -> list[list[float | None]]:
    """Return the values of a single band, None where it is masked."""
    x, _, left, _, y, top = GRID.transform
    grid = {
        "crsCode": GRID.crs,
        "affineTransform": {"scaleX": x, "scaleY": y, "translateX": left, "translateY": top},
        "dimensions": {"width": GRID.width, "height": GRID.height},
    }
    both = image.rename("a").addBands(image.mask().rename("m"))
    array = ee.data.computePixels({"expression": both, "fileFormat": "NUMPY_NDARRAY", "grid": grid})
    return [
        [None if m == 0 else a for a, m in zip(values, masks, strict=True)]
        for values, masks in zip(array["a"].tolist(), array["m"].tolist(), strict=True)
    ]


LEFT, RIGHT = [[0, 0, 1]], [[1, 0, 0]]


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (
            lambda i: i["v"].focalMax(1, "square"),
            [[6, 7, 8, 8], [10, 11, 12, 12], [10, 11, 12, 12]],
        ),
        (lambda i: i["v"].focalMin(1, "plus"), [[1, 1, 2, 3], [1, 2, 3, 4], [5, 6, 7, 8]]),
        (lambda i: i["v"].focal_min(1, "circle"), [[1, 1, 2, 3], [1, 2, 3, 4], [5, 6, 7, 8]]),
        (lambda i: i["v"].focalMin(1, "cross"), [[1, 2, 3, 4], [2, 1, 2, 3], [6, 5, 6, 7]]),
        (lambda i: i["v"].focalMin(2, "diamond"), [[1, 1, 1, 2], [1, 1, 2, 3], [1, 2, 3, 4]]),
        (
            lambda i: i["v"].focalMax(10, "square", "meters"),
            [[6, 7, 8, 8], [10, 11, 12, 12], [10, 11, 12, 12]],
        ),
        (
            lambda i: i["v"].focalMax(1, "square", iterations=2),
            [[11, 12, 12, 12], [11, 12, 12, 12], [11, 12, 12, 12]],
        ),
        (
            lambda i: i["v"].focalMean(1, "plus"),
            [[8 / 3, 3, 4, 5], [21 / 4, 6, 7, 31 / 4], [8, 9, 10, 31 / 3]],
        ),
        (
            lambda i: i["v"].focalMedian(kernel=ee.Kernel.rectangle(1, 0.5)),
            [[1.5, 2, 3, 3.5], [5.5, 6, 7, 7.5], [9.5, 10, 11, 11.5]],
        ),
        (lambda i: i["v"].multiply(0).focalMode(1), [[0] * 4] * 3),
        # A hole is filled from around it, or left.
        (
            lambda i: i["h"].focalMean(1, "square"),
            [[8 / 3, 18 / 5, 24 / 5, 5.5], [5.4, 6, 57 / 8, 7.5], [8, 42 / 5, 48 / 5, 9.5]],
        ),
        (
            lambda i: i["h"].reduceNeighborhood(ee.Reducer.count(), ee.Kernel.square(1)),
            [[3, 5, 5, 4], [5, None, 8, 6], [3, 5, 5, 4]],
        ),
        (
            lambda i: i["h"].reduceNeighborhood(
                ee.Reducer.max(), ee.Kernel.circle(1.5), skipMasked=False
            ),
            [[5, 7, 8, 8], [10, 11, 12, 12], [10, 11, 12, 12]],
        ),
        # By the weights of the kernel, which come to 1, or of the mask.
        (
            lambda i: i["v"].reduceNeighborhood(ee.Reducer.sum(), ee.Kernel.square(1)),
            [
                [14 / 9, 24 / 9, 30 / 9, 22 / 9],
                [33 / 9, 54 / 9, 63 / 9, 45 / 9],
                [30 / 9, 48 / 9, 54 / 9, 38 / 9],
            ],
        ),
        (
            lambda i: i["v"].reduceNeighborhood(ee.Reducer.sum(), ee.Kernel.square(1), "mask"),
            [[14, 24, 30, 22], [33, 54, 63, 45], [30, 48, 54, 38]],
        ),
        (
            lambda i: (
                i["two"]
                .reduceNeighborhood(
                    ee.Reducer.linearFit().setOutputs(["a", "b"]), ee.Kernel.square(1)
                )
                .select("a")
            ),
            [[1] * 4, [1, None, 1, 1], [1] * 4],
        ),
        (
            lambda i: i["v"].convolve(ee.Kernel.laplacian8()),
            [[5, 6, 3, -14], [-12, 0, 0, -27], [-51, -42, -45, -70]],
        ),
        (
            lambda i: i["v"].convolve(ee.Kernel.laplacian4(2)),
            [[6, 4, 2, -10], [-8, 0, 0, -18], [-42, -28, -30, -58]],
        ),
        (
            lambda i: i["v"].convolve(ee.Kernel.fixed(weights=LEFT)),
            [[2, 3, 4, 0], [6, 7, 8, 0], [10, 11, 12, 0]],
        ),
        (
            lambda i: i["v"].convolve(ee.Kernel.fixed(2, 1, [[0, 2]], 0, 0)),
            [[4, 6, 8, 0], [12, 14, 16, 0], [20, 22, 24, 0]],
        ),
        (
            lambda i: i["h"].convolve(ee.Kernel.fixed(weights=RIGHT)),
            [[0, 1, 2, 3], [0, None, 0, 7], [0, 9, 10, 11]],
        ),
    ],
)
def test_neighbours_come_to_what_they_should(
    images: Images, formula: Callable[[Images], Any], expected: list[list[float | None]]
) -> None:
    for row, wanted in zip(grids(formula(images)), expected, strict=True):
        assert row == [each if each is None else pytest.approx(each) for each in wanted]


def test_each_neighbour_becomes_a_band(images: Images) -> None:
    around = images["h"].neighborhoodToBands(ee.Kernel.plus(1))

    assert around.bandNames().getInfo() == ["h_0_-1", "h_-1_0", "h_0_0", "h_1_0", "h_0_1"]
    assert grids(around.select("h_1_0")) == [
        [2, 3, 4, None],
        [None, 7, 8, None],
        [10, 11, 12, None],
    ]
    assert grids(around.select("h_0_-1")) == [
        [None] * 4,
        [1, 2, 3, 4],
        [5, None, 7, 8],
    ]
    assert around.select("h_0_1").bandTypes().getInfo()["h_0_1"]["max"] == 255


@pytest.mark.parametrize(
    ("kernel", "nearest", "corner"),
    [
        (lambda: ee.Kernel.euclidean(1), 1, math.sqrt(2)),
        (lambda: ee.Kernel.manhattan(1), 1, 2),
        (lambda: ee.Kernel.chebyshev(1, magnitude=3), 3, 3),
        (lambda: ee.Kernel.euclidean(10, "meters"), 10, math.sqrt(200)),
        (lambda: ee.Kernel.manhattan(1, "pixels", True), 1 / 12, 2 / 12),  # noqa: FBT003 - normalize
        (lambda: ee.Kernel.manhattan(1).inverse(), 1, 1 / 2),
    ],
)
def test_a_kernel_of_distances_weighs_by_them(
    images: Images, kernel: Callable[[], Any], nearest: float, corner: float
) -> None:
    found = grids(images["v"].convolve(kernel()))

    assert found[1][1] == pytest.approx(
        nearest * (2 + 5 + 7 + 10) + corner * (1 + 3 + 9 + 11), rel=1e-3
    )


def test_a_bell_weighs_by_distance(images: Images) -> None:
    near, far = math.exp(-1 / 2), math.exp(-1)
    total = 1 + 4 * near + 4 * far

    found = grids(images["v"].convolve(ee.Kernel.gaussian(1, 1)))

    assert found[0][0] == pytest.approx((1 + near * (2 + 5) + far * 6) / total)
    assert found[1][1] == pytest.approx(6)


def test_outputs_are_called_as_they_are_documented(images: Images) -> None:
    around = ee.Kernel.square(1)
    both = ee.Reducer.minMax()

    def names(image: Any) -> Any:
        return image.bandNames().getInfo()

    assert names(images["two"].focalMax(1)) == ["v", "h"]
    assert names(images["two"].convolve(around)) == ["v", "h"]
    assert names(images["two"].reduceNeighborhood(both, around)) == [
        *("v_min", "v_max", "h_min", "h_max")
    ]
    assert names(images["two"].reduceNeighborhood(ee.Reducer.linearFit(), around)) == [
        *("scale", "offset")
    ]


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        (lambda i: i["v"].focalMax(1, "octagon"), "no kernel 'octagon'"),
        (lambda i: i["v"].focalMax(1, "square", "feet"), "Unrecognized units 'feet'"),
        (lambda i: i["v"].focalMax(-1), "radius must be greater than 0"),
        (lambda i: i["v"].focalMax(10_000), "limited to 512 pixels"),
        (lambda i: i["v"].focalMax(1, iterations=10**9), "at most 100 iterations"),
        (lambda i: i["v"].convolve(ee.Kernel.gaussian(1, 0)), "sigma must be greater than 0"),
        (lambda i: i["v"].convolve(ee.Kernel.sobel()), r"'Kernel\.sobel' is not supported"),
        (lambda i: i["v"].convolve(ee.Kernel.fixed(weights=[1, 2])), "rows of equal length"),
        (lambda i: i["v"].convolve(ee.Kernel.fixed(3, 1, [[1, 2]])), "weights are 2 by 1"),
        (
            lambda i: i["v"].reduceNeighborhood(ee.Reducer.toList(), ee.Kernel.square(1)),
            "reducers to numbers only",
        ),
        (
            lambda i: i["v"].reduceNeighborhood(ee.Reducer.mean(), ee.Kernel.square(1), "all"),
            "Unrecognized inputWeight 'all'",
        ),
        (lambda i: i["v"].neighborhoodToBands(ee.Kernel.square(60)), "at most 10000 bands"),
    ],
)
def test_what_is_not_there_is_named(
    images: Images, formula: Callable[[Images], Any], words: str
) -> None:
    with pytest.raises(ee.EEException, match=words):
        grids(formula(images))


def rectangle(left: int, top: int, width: int, height: int) -> Any:
    """Return a rectangle that holds some pixels, counted from the upper left one."""
    x, y = 500_000 + 10 * left, 5_200_000 - 10 * top
    corners = [x + 1, y - 10 * height + 1, x + 10 * width - 1, y - 1]
    return ee.Geometry.Rectangle(corners, GRID.crs, False)  # noqa: FBT003 - straight edges


def point(column: int, row: int) -> Any:
    return ee.Geometry.Point([500_005 + 10 * column, 5_199_995 - 10 * row], GRID.crs)


def features() -> Any:
    return ee.FeatureCollection(
        [
            ee.Feature(rectangle(0, 0, 2, 2), {"name": "corner"}),
            ee.Feature(point(2, 1), {"name": "point"}),
            ee.Feature(rectangle(9, 9, 1, 1), {"name": "outside"}),
        ]
    )


def told(collection: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [f["properties"] for f in collection.getInfo()["features"]]
    return found


def test_regions_are_reduced_and_keep_what_they_had(images: Images) -> None:
    assert told(images["v"].reduceRegions(features(), ee.Reducer.mean(), 10)) == [
        {"name": "corner", "mean": (1 + 2 + 5 + 6) / 4},
        {"name": "point", "mean": 7},
        {"name": "outside"},
    ]
    assert told(images["v"].reduceRegions(features(), ee.Reducer.minMax()))[0] == {
        "name": "corner",
        "min": 1,
        "max": 6,
    }
    assert told(images["two"].reduceRegions(features(), ee.Reducer.sum()))[0] == {
        "name": "corner",
        "v": 14,
        "h": 8,
    }
    assert told(images["two"].reduceRegions(features(), ee.Reducer.minMax()))[0] == {
        "name": "corner",
        "v_min": 1,
        "v_max": 6,
        "h_min": 1,
        "h_max": 5,
    }


def test_regions_that_are_too_large_are_refused(images: Images) -> None:
    with pytest.raises(ee.EEException, match="maxPixels allows only 3"):
        images["v"].reduceRegions(features(), ee.Reducer.sum(), maxPixelsPerRegion=3).getInfo()


def test_samples_are_of_the_pixels_of_a_region(images: Images) -> None:
    corner = rectangle(0, 0, 2, 2)

    assert told(images["two"].sample(corner)) == [
        *({"v": 1, "h": 1}, {"v": 2, "h": 2}, {"v": 5, "h": 5})
    ]
    assert told(images["two"].sample(corner, dropNulls=False))[3] == {"v": 6}
    assert images["v"].sample().size().getInfo() == 12
    assert images["v"].sample(scale=20).size().getInfo() < 12
    half = images["v"].sample(factor=0.5, seed=3).aggregate_array("v").getInfo()
    assert 0 < len(half) < 12
    assert half == images["v"].sample(factor=0.5, seed=3).aggregate_array("v").getInfo()
    assert images["v"].sample(numPixels=12).size().getInfo() == 12


def test_samples_can_say_where_they_are(images: Images) -> None:
    (made,) = images["v"].sample(point(3, 2), geometries=True).getInfo()["features"]

    lon, lat = made["geometry"]["coordinates"]
    assert made["properties"] == {"v": 12}
    assert lon == pytest.approx(15 + 35 / 76_000, abs=1e-4)  # zone 33 has its middle at 15° E
    assert lat == pytest.approx(46.95, abs=0.1)


def test_samples_of_regions_keep_properties(images: Images) -> None:
    assert told(images["v"].sampleRegions(features())) == [
        *({"name": "corner", "v": value} for value in (1, 2, 5, 6)),
        {"name": "point", "v": 7},
    ]
    assert told(images["h"].sampleRegions(features(), [])) == [
        *({"h": value} for value in (1, 2, 5, 7))
    ]


def test_a_region_of_a_collection_is_a_table_of_all_its_images(images: Images) -> None:
    del images
    days: Any = ee.ImageCollection(f"{FOLDER}/days")
    terms = [10, 0, 500_000, 0, -10, 5_200_000]

    header, *found = days.getRegion(
        rectangle(1, 1, 2, 1), crs=GRID.crs, crsTransform=terms
    ).getInfo()

    day = 86_400_000
    first = 1_577_836_800_000
    assert header == ["id", "longitude", "latitude", "time", "v"]
    assert [[row[0], row[3], row[4]] for row in found] == [
        ["one", first, 6],
        ["two", first + day, None],
        ["one", first, 7],
        ["two", first + day, 7],
    ]
    assert found[0][1] == pytest.approx(15.0002, abs=1e-4)
    assert days.getRegion(point(3, 0), 10).getInfo()[1][4] == 4
    with pytest.raises(ee.EEException, match="'scale' and 'crsTransform'"):
        days.getRegion(point(3, 0)).getInfo()


def test_what_would_take_minutes_is_refused_before_it_begins(images: Images) -> None:
    world = ee.Geometry.BBox(14, 46, 16, 48)

    with pytest.raises(ee.EEException, match="samples at most 1000000 values"):
        images["v"].sample(world, 10).size().getInfo()
    with pytest.raises(ee.EEException, match="More than 1048576 values"):
        ee.ImageCollection([ee.Image(1)]).getRegion(world, 400).getInfo()


def test_all_statistics_of_a_property_come_at_once(images: Images) -> None:
    found = images["v"].sample(rectangle(0, 0, 2, 1)).aggregate_stats("v").getInfo()

    assert found == {
        "min": 1,
        "max": 2,
        "mean": 1.5,
        "sum": 3,
        "sum_sq": 5,
        "weighted_sum": 3,
        "total_count": 2,
        "valid_count": 2,
        "weight_sum": 2,
        "total_var": 0.25,
        "total_sd": 0.5,
        "sample_var": 0.5,
        "sample_sd": pytest.approx(math.sqrt(0.5)),
    }
