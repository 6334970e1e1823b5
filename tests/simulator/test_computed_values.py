"""Numbers, texts, lists, dates and descriptions that the client gets for an expression."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import ee
import pytest

from geesync.simulator import Simulator
from geesync.simulator.computing.functions.table import FUNCTIONS
from tests.simulator.computed import put_image

SCENES = "users/demo/scenes"

pytestmark = pytest.mark.usefixtures("shared_simulator")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (lambda: ee.Number(7).divide(2), 3.5),
        (lambda: ee.Number(7).divide(0), 0),
        (lambda: ee.Number(7).mod(-4), 3),
        (lambda: ee.Number(2).pow(10).subtract(1), 1023),
        (lambda: ee.Number(300).toByte(), 255),
        (lambda: ee.Number(-2.5).round(), -3),
        (lambda: ee.Number(5).bitwiseAnd(4).leftShift(40), 4 << 40),
        (lambda: ee.Number(3.14159).format("%.2f"), "3.14"),
        (lambda: ee.Number(7).format("%03d"), "007"),
        (lambda: ee.Number.parse("12.5"), 12.5),
        (lambda: ee.String("LC08_044034").slice(0, 4).cat("!"), "LC08!"),
        (lambda: ee.String("a1b22").replace("[0-9]+", "-", "g"), "a-b-"),
        (lambda: ee.String("a_b_c").split("_"), ["a", "b", "c"]),
        (lambda: ee.String("abc").length(), 3),
        (lambda: ee.List([3, 1, 2]).sort(), [1, 2, 3]),
        (lambda: ee.List(["x", "y"]).sort([2, 1]), ["y", "x"]),
        (lambda: ee.List.sequence(0, 10, 5), [0, 5, 10]),
        (lambda: ee.List.sequence(0, 1, count=3), [0, 0.5, 1]),
        (lambda: ee.List([1, 2, 3, 4]).slice(1, -1), [2, 3]),
        (lambda: ee.List([1, 2]).zip(["a", "b"]), [[1, "a"], [2, "b"]]),
        (lambda: ee.List([1, [2, [3]]]).flatten(), [1, 2, 3]),
        (lambda: ee.List([1, 2, 3]).map(lambda n: ee.Number(n).multiply(n)), [1, 4, 9]),
        (lambda: ee.List([1, 2, 3]).iterate(lambda n, s: ee.Number(n).add(s), 10), 16),
        (lambda: ee.List([1, 2, 2, 1]).distinct(), [1, 2]),
        (lambda: ee.List([1, 2, 3]).removeAll([2]), [1, 3]),
        (lambda: ee.List(["a", "b"]).join("/"), "a/b"),
        (lambda: ee.List([4, 1, 3, 2]).reduce(ee.Reducer.median()), 2.5),
        (
            lambda: ee.List([1, 2, 3, 4]).reduce(ee.Reducer.percentile([0, 50, 100])),
            {"p0": 1, "p50": 2.5, "p100": 4},
        ),
        (lambda: ee.List([1, 2, 2, 5]).reduce(ee.Reducer.mode()), 2),
        (lambda: ee.List([2, 4, 4, 4, 5, 5, 7, 9]).reduce(ee.Reducer.stdDev()), 2),
        (lambda: ee.List([2, 4]).reduce(ee.Reducer.sampleVariance()), 2),
        (lambda: ee.List([2, 4]).reduce(ee.Reducer.minMax()), {"min": 2, "max": 4}),
        (lambda: ee.List([]).reduce(ee.Reducer.mean()), None),
        (lambda: ee.List([]).reduce(ee.Reducer.count()), 0),
        (
            lambda: ee.List(["a", "b", "a"]).reduce(ee.Reducer.frequencyHistogram()),
            {"a": 2, "b": 1},
        ),
        (
            lambda: ee.List([[1, 3], [2, 5], [3, 7]]).reduce(ee.Reducer.linearFit()),
            {"scale": 2, "offset": 1},
        ),
        (
            lambda: ee.List([2, 4]).reduce(
                ee.Reducer.mean().combine(ee.Reducer.count(), sharedInputs=True)
            ),
            {"mean": 3, "count": 2},
        ),
        (lambda: ee.Dictionary({"b": 1}).combine({"a": 2}).keys(), ["a", "b"]),
        (lambda: ee.Dictionary({"a": 1}).set("b", 2).values(["b"]), [2]),
        (lambda: ee.Dictionary.fromLists(["a"], [[1]]).get("a"), [1]),
        (lambda: ee.Dictionary({"a": 1}).map(lambda k, _: ee.String(k).cat("=")), {"a": "a="}),
        (lambda: ee.Algorithms.If(ee.Number(1).gt(2), "yes", "no"), "no"),
        (lambda: ee.Date("2020-02-29").advance(1, "year").format("YYYY-MM-dd"), "2021-02-28"),
        (lambda: ee.Date("2020-01-31").advance(1, "month").format("YYYY-MM-dd"), "2020-02-29"),
        (lambda: ee.Date("2020-03-01").advance(-36, "hour").format(), "2020-02-28T12:00:00"),
        (lambda: ee.Date("2020-03-01").difference("2020-02-01", "day"), 29),
        (lambda: ee.Date("1971-01-01").difference("1970-01-01", "year").format("%.5f"), "0.99932"),
        (lambda: ee.Date("2020-12-31").getRelative("day", "year"), 365),
        (lambda: ee.Date("2020-12-31T06:00").get("month"), 12),
        (lambda: ee.Date("2020-07-02").getFraction("year"), 183 / 366),
        (lambda: ee.Date.fromYMD(2020, 3, 1).millis(), 1583020800000),
        (lambda: ee.DateRange("2020-01-01", "2020-02-01").contains("2020-02-01"), False),
        (lambda: ee.Date("2020-05-17").getRange("month").end().format("d.M.yy"), "1.6.20"),
        (lambda: ee.Geometry.Point([1, 2]).coordinates(), [1, 2]),
        (
            lambda: ee.Geometry.Polygon([[[0, 0], [2, 1], [0, 3], [0, 0]]]).bounds().coordinates(),
            [[[0, 0], [2, 0], [2, 3], [0, 3], [0, 0]]],
        ),
        (lambda: ee.Projection("EPSG:32633", [30, 0, 0, 0, -30, 0]).nominalScale(), 30),
    ],
)
def test_an_expression_comes_to_what_it_should(value: Callable[[], Any], expected: Any) -> None:
    found = value().getInfo()

    is_plain = isinstance(expected, str | list | None) or expected == {"a": "a="}
    assert found == (expected if is_plain else pytest.approx(expected))


def test_an_image_is_described_by_its_bands_and_properties() -> None:
    info = ee.Image(f"{SCENES}/s0000").getInfo()

    assert info["type"] == "Image"
    assert info["id"] == f"{SCENES}/s0000"
    assert info["bands"][0] == {
        "id": "B4",
        "data_type": {"type": "PixelType", "precision": "int", "min": 0, "max": 10000},
        "dimensions": [60, 36],
        "crs": "EPSG:32632",
        "crs_transform": [10, 0, 461630, 0, -10, 5149720],
    }
    assert info["properties"]["system:index"] == "s0000"
    assert info["properties"]["system:time_start"] == 1682937000000
    assert info["properties"]["system:footprint"]["type"] == "LinearRing"
    assert info["properties"]["tag"] == "s0000"


def test_a_collection_is_described_by_its_images() -> None:
    info = ee.ImageCollection(SCENES).getInfo()

    assert info["type"] == "ImageCollection"
    assert [image["id"] for image in info["features"]] == [f"{SCENES}/s000{n}" for n in range(3)]


def test_a_table_is_described_by_its_rows() -> None:
    info = ee.FeatureCollection("projects/demo-project/assets/stations").limit(1).getInfo()

    (row,) = info["features"]
    assert row["geometry"]["type"] == "Point"
    assert row["properties"]["name"] == "station 0"


def test_metadata_can_be_read_and_set() -> None:
    image = ee.Image(f"{SCENES}/s0001")

    changed = image.set("a", 1, "CLOUD", None)

    assert image.get("CLOUD").getInfo() == 12.5
    assert image.id().getInfo() == "s0001"
    assert image.date().format("YYYY-MM-dd").getInfo() == "2023-05-06"
    assert changed.get("a").getInfo() == 1
    assert changed.get("CLOUD").getInfo() is None
    assert image.bandNames().getInfo() == ["B4", "B5", "B1"]
    assert image.select(0).projection().nominalScale().getInfo() == 10


def test_properties_are_copied_all_or_those_that_are_named() -> None:
    source = ee.Image(f"{SCENES}/s0001")

    everything = ee.Image(1).copyProperties(source)
    time = ee.Image(1).copyProperties(source, ["system:time_start"])
    rest = ee.Image(1).copyProperties(source, exclude=["tag"])

    assert everything.toDictionary().getInfo() == {"CLOUD": 12.5, "tag": "s0001"}
    assert everything.get("system:time_start").getInfo() is None
    assert ee.Image(time).date().get("year").getInfo() == 2023
    assert rest.toDictionary().getInfo() == {"CLOUD": 12.5}


def test_calculating_keeps_no_properties_but_changing_bands_does() -> None:
    image = ee.Image(f"{SCENES}/s0001")

    assert image.add(1).get("tag").getInfo() is None
    assert image.select(0).toFloat().unmask(0).get("tag").getInfo() == "s0001"


def test_a_region_is_reduced_band_by_band(shared_simulator: Simulator) -> None:
    name = put_image(
        shared_simulator,
        "region",
        v=("uint8", [1, 2, 6, 7], [1, 1, 1, 0]),
        w=("float32", [0.5, 0.5, 2, 1]),
    )
    image = ee.Image(name)

    def reduced(reducer: ee.Reducer, **more: Any) -> Any:
        return image.reduceRegion(reducer, **more).getInfo()

    left = ee.Geometry.Rectangle([500000, 5199990, 500020, 5200000], "EPSG:32633", False)  # noqa: FBT003 - as the client has it
    assert reduced(ee.Reducer.mean()) == {"v": 3, "w": 1}
    assert reduced(ee.Reducer.count()) == {"v": 3, "w": 4}
    assert reduced(ee.Reducer.minMax()) == {"v_min": 1, "v_max": 6, "w_min": 0.5, "w_max": 2}
    assert reduced(ee.Reducer.sum(), geometry=left) == {"v": 3, "w": 1}
    assert reduced(ee.Reducer.toList()) == {"v": [1, 2, 6], "w": [0.5, 0.5, 2, 1]}


def test_a_region_of_half_masked_pixels_counts_them_by_half(shared_simulator: Simulator) -> None:
    name = put_image(shared_simulator, "half", v=("uint8", [2, 8, 0, 0], [1, 0.5, 0, 0]))
    image = ee.Image(name)

    assert image.reduceRegion(ee.Reducer.mean()).getInfo() == {"v": 4}
    assert image.reduceRegion(ee.Reducer.mean().unweighted()).getInfo() == {"v": 5}
    assert image.reduceRegion(ee.Reducer.sum()).getInfo() == {"v": 6}


def test_too_large_a_region_is_refused_unless_the_best_will_do() -> None:
    image = ee.Image("users/demo/elevation")

    with pytest.raises(ee.EEException, match="Found 2867, but maxPixels allows only 100"):
        image.reduceRegion(ee.Reducer.count(), maxPixels=100).getInfo()
    coarse = image.reduceRegion(ee.Reducer.count(), maxPixels=100, bestEffort=True).getInfo()
    assert 0 < coarse["elevation"] <= 100


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (lambda: ee.Image("users/demo/nope"), r"Image\.load: Image asset 'users/demo/nope' not"),
        (lambda: ee.ImageCollection("users/demo/elevation").size(), "is not an ImageCollection"),
        (lambda: ee.List([1]).get(3), r"List\.get: List index must be between 0 and 0, got 3"),
        (lambda: ee.Dictionary({}).get("a"), "does not contain key: 'a'"),
        (lambda: ee.Date("soon"), "Bad date/time 'soon'"),
        (lambda: ee.Date("2020-01-01").format("G"), r"Date\.format: .* no pattern 'G'"),
        (lambda: ee.Image("users/demo/elevation").entropy(ee.Kernel.square(1)), "not supported"),
        (lambda: ee.Number(ee.List(["x"]).get(0)).add(1), r"Number\.add: Parameter 'left' is"),
    ],
)
def test_what_has_no_value_is_a_bad_request_that_says_why(
    value: Callable[[], Any], words: str
) -> None:
    with pytest.raises(ee.EEException, match=words):
        value().getInfo()


def published() -> dict[str, dict[str, bool]]:
    """Return the arguments of all of Earth Engine's functions, and whether they may be left out."""
    table = json.loads((files("ee") / "tests" / "algorithms.json").read_text(encoding="utf-8"))
    return {
        each["name"].removeprefix("algorithms/"): {
            argument["argumentName"]: argument.get("optional", False)
            for argument in each.get("arguments", ())
        }
        for each in table["algorithms"]
    }


def test_every_function_is_called_as_earth_engine_publishes_it() -> None:
    known = published()

    assert set(FUNCTIONS) <= set(known)
    for name, function in FUNCTIONS.items():
        needed = {argument for argument, optional in known[name].items() if not optional}
        assert set(function.required) == needed, name
        assert set(function.optional) <= set(known[name]) - needed, name
