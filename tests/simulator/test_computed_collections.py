"""Collections: filtered, mapped and reduced, against numbers worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import ee
import numpy as np
import pytest

from geesync.simulator import Simulator
from tests.simulator.computed import SERIES, put_collection, put_image, rows

SCENES = "users/demo/scenes"
STATIONS = "projects/demo-project/assets/stations"

DAYS = (1, 31, 61, 91, 121, 151)


@pytest.fixture(scope="module")
def series(shared_simulator: Simulator) -> str:
    """Six images, one every thirty days of 2020, of two bands; the last is masked in places."""
    put_collection(shared_simulator)
    for number, day in enumerate(DAYS):
        month = number + 1
        put_image(
            shared_simulator,
            f"series/i{number}",
            {"start": f"2020-0{month}-01T00:00:00Z", "number": number, "odd": str(number % 2)},
            v=("uint8", [number, 5 - number, 7, 2 * number], [1, 1, 1, float(number < 5)]),
            w=("float32", [day / 10, 0, 1, number % 3]),
        )
    return SERIES


def indices(collection: ee.ImageCollection) -> Any:
    return collection.aggregate_array("system:index").getInfo()


def numbered(*numbers: int) -> list[str]:
    return [f"i{number}" for number in numbers]


@pytest.mark.parametrize(
    ("choose", "expected"),
    [
        (lambda c: c.filterDate("2020-02-01", "2020-04-01"), [1, 2]),
        (lambda c: c.filter(ee.Filter.eq("number", 3)), [3]),
        (lambda c: c.filter(ee.Filter.neq("number", 3)), [0, 1, 2, 4, 5]),
        (lambda c: c.filter(ee.Filter.gt("number", 3)), [4, 5]),
        (lambda c: c.filter(ee.Filter.lte("number", 1)), [0, 1]),
        (lambda c: c.filter(ee.Filter.rangeContains("number", 2, 3)), [2, 3]),
        (lambda c: c.filter(ee.Filter.inList("number", [0, 5, 9])), [0, 5]),
        (lambda c: c.filter(ee.Filter.eq("odd", "1")).limit(2), [1, 3]),
        (
            lambda c: c.filter(ee.Filter.And(ee.Filter.gt("number", 1), ee.Filter.lt("number", 4))),
            [2, 3],
        ),
        (
            lambda c: c.filter(ee.Filter.Or(ee.Filter.eq("number", 0), ee.Filter.eq("number", 5))),
            [0, 5],
        ),
        (lambda c: c.filter(ee.Filter.gt("number", 0).Not()), [0]),
        (lambda c: c.filter(ee.Filter.calendarRange(2, 3, "month")), [1, 2]),
        (lambda c: c.filter(ee.Filter.calendarRange(6, 1, "month")), [0, 5]),
        (lambda c: c.filter(ee.Filter.stringStartsWith("odd", "0")), [0, 2, 4]),
        (lambda c: c.filter(ee.Filter.notNull(["nothing"])), []),
        (lambda c: c.filter(ee.Filter.eq("number", "3")), []),
        (lambda c: c.sort("number", False).limit(2), [5, 4]),  # noqa: FBT003 - as the client has it
        (
            lambda c: c.filterBounds(ee.Geometry.Point([500005, 5199995], "EPSG:32633")),
            [0, 1, 2, 3, 4, 5],
        ),
        (lambda c: c.filterBounds(ee.Geometry.Point([16, 46.9])), []),
    ],
)
def test_images_are_chosen_by_filters(
    series: str, choose: Callable[[ee.ImageCollection], Any], expected: list[int]
) -> None:
    assert indices(choose(ee.ImageCollection(series))) == numbered(*expected)


def test_a_collection_can_be_counted_and_gone_through(series: str) -> None:
    collection = ee.ImageCollection(series)

    assert collection.size().getInfo() == 6
    assert collection.first().get("number").getInfo() == 0
    assert ee.Image(collection.toList(1, 4).get(0)).get("number").getInfo() == 4
    assert collection.aggregate_sum("number").getInfo() == 15
    assert collection.aggregate_mean("number").getInfo() == 2.5
    assert collection.aggregate_max("number").getInfo() == 5
    assert collection.aggregate_histogram("odd").getInfo() == {"0": 3, "1": 3}
    assert collection.iterate(lambda i, n: ee.Number(n).add(i.get("number")), 1).getInfo() == 16


def test_mapping_is_done_for_each_image_and_keeps_its_index(series: str) -> None:
    def twice(image: ee.Image) -> Any:
        return image.select("v").multiply(2).set("number", image.get("number"))

    mapped = ee.ImageCollection(series).map(twice)

    assert indices(mapped) == numbered(*range(6))
    assert rows(mapped.filter(ee.Filter.eq("number", 4)).first()) == {"v": [8, 2, 14, 16]}


@pytest.mark.parametrize(
    ("reduce", "v", "w"),
    [
        ("mean", [2.5, 2.5, 7, 4], [7.6, 0, 1, 1]),
        ("sum", [15, 15, 42, 20], [45.6, 0, 6, 6]),
        ("min", [0, 0, 7, 0], [0.1, 0, 1, 0]),
        ("max", [5, 5, 7, 8], [15.1, 0, 1, 2]),
        ("median", [2.5, 2.5, 7, 4], [7.6, 0, 1, 1]),
        ("count", [6, 6, 6, 5], [6, 6, 6, 6]),
        ("mode", [0, 0, 7, 0], [0.1, 0, 1, 0]),
    ],
)
def test_a_stack_is_reduced_pixel_by_pixel(
    series: str, reduce: str, v: list[float], w: list[float]
) -> None:
    found = rows(getattr(ee.ImageCollection(series), reduce)())

    assert found["v"] == v
    assert found["w"] == pytest.approx(w, rel=1e-6)


def test_reducers_name_the_bands_they_make(series: str) -> None:
    collection = ee.ImageCollection(series).select("v")
    both = ee.Reducer.percentile([0, 50]).combine(ee.Reducer.stdDev(), sharedInputs=True)

    found = rows(collection.reduce(both))

    assert found == {
        "v_p0": [0, 0, 7, 0],
        "v_p50": [2.5, 2.5, 7, 4],
        "v_stdDev": [
            pytest.approx(math.sqrt(35 / 12)),
            pytest.approx(math.sqrt(35 / 12)),
            0,
            pytest.approx(math.sqrt(8)),
        ],
    }


def test_a_pixel_without_any_value_is_masked_and_counts_none(series: str) -> None:
    nothing = ee.ImageCollection(series).map(lambda image: image.updateMask(0)).select("v")

    assert rows(nothing.mean()) == {"v": [None] * 4}
    assert rows(nothing.count()) == {"v": [0] * 4}


def test_the_last_image_is_on_top_of_a_mosaic(series: str) -> None:
    assert rows(ee.ImageCollection(series).mosaic())["v"] == [5, 0, 7, 8]
    best = ee.ImageCollection(series).qualityMosaic("w")
    assert rows(best)["v"] == [5, 5, 7, 4]


def test_all_bands_of_a_collection_can_be_put_side_by_side(series: str) -> None:
    found = ee.ImageCollection(series).select("v").limit(2).toBands()

    assert found.bandNames().getInfo() == ["i0_v", "i1_v"]


def test_images_can_be_made_a_collection(series: str) -> None:
    images = [ee.Image(f"{series}/i1"), ee.Image(f"{series}/i2").set("system:index", "other")]
    made = ee.ImageCollection.fromImages(images)

    assert indices(made) == ["i1", "other"]
    assert indices(made.merge(made)) == ["1_i1", "1_other", "2_i1", "2_other"]


def test_a_line_is_fitted_to_each_pixel(series: str) -> None:
    def with_number(image: ee.Image) -> Any:
        number = ee.Image.constant(image.get("number")).toFloat().rename("t")
        return number.addBands(image.select("v"))

    fit = ee.ImageCollection(series).map(with_number).reduce(ee.Reducer.linearFit())

    found = rows(fit)
    assert found["scale"] == pytest.approx([1, -1, 0, 2])
    assert found["offset"] == pytest.approx([0, 5, 7, 0], abs=1e-9)


def test_a_regression_needs_more_values_than_variables(series: str) -> None:
    few = (
        ee.ImageCollection(series).limit(2).map(lambda i: ee.Image(1).addBands(i.select("w", "v")))
    )

    fit = few.reduce(ee.Reducer.linearRegression(2, 1))

    flat = fit.select("coefficients").arrayProject([0]).arrayFlatten([["c", "w"]])
    assert rows(flat) == {"c": [None] * 4, "w": [None] * 4}


def test_seasons_are_fitted_as_a_script_for_earth_engine_does(shared_simulator: Simulator) -> None:
    put_collection(shared_simulator, "seasons")
    truth = {"constant": 0.4, "t": 0.02, "cos": -0.3, "sin": 0.1}
    start_ms, day_ms = 1577836800000, 86400000

    def model(years: float) -> float:
        angle = 2 * math.pi * years
        return (
            truth["constant"]
            + truth["t"] * years
            + truth["cos"] * math.cos(angle)
            + truth["sin"] * math.sin(angle)
        )

    for number in range(30):
        millis = start_ms + number * 12 * day_ms
        date = str(np.datetime64(millis, "ms")) + "Z"
        years = millis / day_ms / 365.25
        value = model(years)
        put_image(
            shared_simulator,
            f"seasons/s{number:02d}",
            {"start": date},
            ndvi=("float64", [value, value, value, 9], [1, float(number % 2), 1, 0]),
        )
    independents = ["constant", "t", "cos", "sin"]

    def with_harmonics(image: ee.Image) -> Any:
        years = image.date().difference(ee.Date("1970-01-01"), "year")
        time = ee.Image(years).double().rename("t")
        angle = time.multiply(2 * math.pi)
        return (
            image.addBands(ee.Image.constant(1).rename("constant"))
            .addBands(time)
            .addBands(angle.cos().rename("cos"))
            .addBands(angle.sin().rename("sin"))
            .copyProperties(image, ["system:time_start"])
        )

    harmonic = ee.ImageCollection("projects/demo-project/assets/seasons").map(with_harmonics)
    trend = harmonic.select([*independents, "ndvi"]).reduce(
        ee.Reducer.linearRegression(len(independents), 1)
    )
    coefficients = trend.select("coefficients").arrayProject([0]).arrayFlatten([independents])
    fitted = harmonic.map(
        lambda image: image.addBands(
            image.select(independents).multiply(coefficients).reduce("sum").rename("fitted")
        )
    )
    off = rows(fitted.first().select("fitted").subtract(fitted.first().select("ndvi")))
    phase = coefficients.select("sin").atan2(coefficients.select("cos"))
    amplitude = coefficients.select("sin").hypot(coefficients.select("cos"))

    found = rows(coefficients)
    for name, expected in truth.items():
        assert found[name][:3] == pytest.approx([expected] * 3, abs=1e-6)
        assert found[name][3] is None
    assert next(iter(off.values()))[0] == pytest.approx(0, abs=1e-9)
    assert rows(amplitude)["sin"][0] == pytest.approx(math.hypot(0.3, 0.1), abs=1e-6)
    assert rows(phase)["sin"][0] == pytest.approx(math.atan2(-0.3, 0.1), abs=1e-6)
    residuals = trend.select("residuals").arrayFlatten([["rms"]])
    assert rows(residuals)["rms"][0] == pytest.approx(0, abs=1e-9)


def test_rows_are_chosen_mapped_and_reduced_like_images(series: str) -> None:
    del series
    stations = ee.FeatureCollection(STATIONS)
    higher = stations.filter(ee.Filter.gt("height_m", 2000))
    halved = stations.map(lambda row: row.set("half", ee.Number(row.get("height_m")).divide(2)))
    total = stations.reduceColumns(ee.Reducer.sum(), ["visits"]).get("sum").getInfo()

    heights = stations.aggregate_array("height_m").getInfo()
    assert higher.size().getInfo() == sum(height > 2000 for height in heights)
    assert halved.first().get("half").getInfo() == heights[0] / 2
    assert total == sum(stations.aggregate_array("visits").getInfo())


def test_features_can_be_made_and_looked_for_by_place() -> None:
    made = ee.FeatureCollection(
        [
            ee.Feature(ee.Geometry.Point([1, 2]), {"n": 1}),
            ee.Feature(ee.Geometry.Point([5, 6]), {"n": 2}),
        ]
    )
    around = ee.Geometry.Rectangle([0, 0, 3, 3])

    assert made.filterBounds(around).aggregate_array("n").getInfo() == [1]
    assert made.geometry().type().getInfo() == "MultiPoint"


def test_what_is_computed_of_a_collection_can_be_exported(
    series: str, shared_simulator: Simulator
) -> None:
    target = "projects/demo-project/assets/mean"
    task = ee.batch.Export.image.toAsset(
        ee.ImageCollection(series).mean(),
        assetId=target,
        crs="EPSG:32633",
        crsTransform=[10, 0, 500000, 0, -10, 5200000],
        dimensions="4x1",
    )

    task.start()
    shared_simulator.advance(60)

    assert rows(ee.Image(target))["v"] == [2.5, 2.5, 7, 4]


def test_a_collection_has_only_what_one_may_read(series: str, shared_simulator: Simulator) -> None:
    denial = shared_simulator.world.permissions.deny(f"{series}/i0")

    left = indices(ee.ImageCollection(series))
    shared_simulator.world.permissions.allow(denial)

    assert left == numbered(1, 2, 3, 4, 5)


def test_images_of_a_computed_collection_come_in_pages_with_their_metadata(series: str) -> None:
    doubled = (
        ee.ImageCollection(series)
        .filter(ee.Filter.lt("number", 3))
        .map(lambda image: image.select("v").multiply(2).copyProperties(image, ["number"]))
    )

    first = ee.data.computeImages({"expression": doubled, "pageSize": 2})
    second = ee.data.computeImages({"expression": doubled, "pageToken": first["nextPageToken"]})
    (loaded,) = ee.data.computeImages({"expression": ee.ImageCollection(series), "pageSize": 1})[
        "images"
    ]

    found = [*first["images"], *second["images"]]
    assert "nextPageToken" not in second
    assert [image.get("properties", {}).get("number") for image in found] == [0, 1, 2]
    assert found[0]["bands"][0]["dataType"] == {"precision": "INT", "range": {"max": 510}}
    assert found[0]["bands"][0]["grid"] == loaded["bands"][0]["grid"]
    assert "name" not in found[0]
    assert loaded["name"] == f"{series}/i0"
    assert loaded["startTime"] == "2020-01-01T00:00:00Z"
    with pytest.raises(ee.EEException, match="is not an ImageCollection"):
        ee.data.computeImages({"expression": ee.Image(1)})
