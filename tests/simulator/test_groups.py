"""Reducers by groups and for each of several, and samples by classes: worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ee
import pytest

from geesync.simulator import Simulator
from tests.simulator.computed import put_image

NUMBERS = list(range(1, 13))
HOLE = [float(number != 6) for number in NUMBERS]

Images = dict[str, Any]


@pytest.fixture(scope="module")
def images(shared_simulator: Simulator) -> Images:
    """``v`` counts from 1 to 12 in a row; in ``h`` its 6 is masked; ``two`` has both."""
    bands: Any = {"v": ("uint8", NUMBERS), "h": ("uint8", NUMBERS, HOLE)}

    def made(name: str, *wanted: str) -> Any:
        return ee.Image(put_image(shared_simulator, name, **{band: bands[band] for band in wanted}))

    return {"v": made("v", "v"), "h": made("h", "h"), "two": made("two", "v", "h")}


def kind(images: Images) -> Any:
    """Return the remainders by 3: 1, 2, 0, 1, 2, 0 and so on."""
    return images["v"].mod(3).rename("kind")


def told(collection: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [f["properties"] for f in collection.getInfo()["features"]]
    return found


def stretch(first: int, last: int) -> Any:
    """Return a rectangle that holds some pixels of the row, counted from 0."""
    corners = [500_001 + 10 * first, 5_199_991, 500_009 + 10 * last, 5_199_999]
    return ee.Feature(ee.Geometry.Rectangle(corners, "EPSG:32633", False))  # noqa: FBT003 - straight


def test_pixels_are_reduced_by_groups(images: Images) -> None:
    def groups(image: Any, reducer: Any) -> Any:
        return image.addBands(kind(images)).reduceRegion(reducer).getInfo()["groups"]

    total = ee.Reducer.sum().group(groupField=1, groupName="kind")
    assert groups(images["v"], total) == [
        {"kind": 0, "sum": 3 + 6 + 9 + 12},
        {"kind": 1, "sum": 1 + 4 + 7 + 10},
        {"kind": 2, "sum": 2 + 5 + 8 + 11},
    ]
    assert groups(images["h"], total)[0] == {"kind": 0, "sum": 3 + 9 + 12}
    assert groups(images["v"].updateMask(0), total) == []
    both = ee.Reducer.minMax().group(1)
    assert groups(images["v"], both)[2] == {"group": 2, "min": 2, "max": 11}
    each = ee.Reducer.sum().repeat(2).group(2)
    assert groups(images["two"], each)[0] == {"group": 0, "sum": [24, 24]}


def test_groups_of_regions_and_of_columns(images: Images) -> None:
    reducer = ee.Reducer.count().group(1, "kind")
    regions = ee.FeatureCollection([stretch(0, 3), stretch(90, 91)])
    some, none = told(images["v"].addBands(kind(images)).reduceRegions(regions, reducer))
    assert some["groups"] == [
        {"kind": 0, "count": 1},
        {"kind": 1, "count": 2},
        {"kind": 2, "count": 1},
    ]
    assert none["groups"] == []

    rows = ee.FeatureCollection(
        [ee.Feature(None, {"n": n, "name": name}) for n, name in ((1, "b"), (2, "a"), (3, "b"))]
    )
    by_name = rows.reduceColumns(ee.Reducer.mean().group(0, "name"), ["name", "n"])
    assert by_name.getInfo() == {
        "groups": [{"name": "a", "mean": 2}, {"name": "b", "mean": 2}],
    }


def test_a_reducer_is_copied_for_each_name(images: Images) -> None:
    def reduced(reducer: Any) -> Any:
        return images["two"].reduceRegion(reducer).getInfo()

    # The bands are one record: where one is masked, all are.
    assert reduced(ee.Reducer.sum().forEach(["a", "b"])) == {"a": 72, "b": 72}
    assert reduced(ee.Reducer.minMax().forEachBand(images["two"])) == {
        "v_min": 1,
        "v_max": 12,
        "h_min": 1,
        "h_max": 12,
    }


def test_so_many_pixels_of_each_class_are_sampled(images: Images) -> None:
    def kinds(image: Any, **options: Any) -> dict[int, list[Any]]:
        found: dict[int, list[Any]] = {}
        for row in told(image.addBands(kind(images)).stratifiedSample(classBand="kind", **options)):
            found.setdefault(row["kind"], []).append(row.get("v", row.get("h")))
        return found

    some = kinds(images["v"], numPoints=2)
    assert {kind: len(values) for kind, values in some.items()} == {0: 2, 1: 2, 2: 2}
    assert all(value % 3 == kind for kind, values in some.items() for value in values)
    assert some == kinds(images["v"], numPoints=2)
    assert any(some != kinds(images["v"], numPoints=2, seed=seed) for seed in range(1, 5))
    assert kinds(images["v"], numPoints=9) == {
        1: [1, 4, 7, 10],
        2: [2, 5, 8, 11],
        0: [3, 6, 9, 12],
    }
    few = kinds(images["v"], numPoints=4, classValues=[0, 2], classPoints=[1, 0])
    assert {kind: len(values) for kind, values in few.items()} == {0: 1, 1: 4}
    assert sorted(kinds(images["h"], numPoints=9)[0]) == [3, 9, 12]
    assert None in kinds(images["h"], numPoints=9, dropNulls=False)[0]


def test_a_sample_of_classes_has_places_if_they_are_wanted(images: Images) -> None:
    sample = images["v"].stratifiedSample(1, geometries=True)

    assert sample.size().getInfo() == 12
    assert sample.first().geometry().getInfo()["type"] == "Point"


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        (lambda i: i["v"].toFloat().stratifiedSample(1), "must hold integers"),
        (lambda i: i["v"].stratifiedSample(1, "nothing"), "nothing"),
        (lambda i: i["v"].stratifiedSample(1, classValues=[1], classPoints=[]), "1 classValues"),
        (lambda i: i["v"].reduceRegion(ee.Reducer.sum().group(5)), "no input 5"),
        (lambda i: i["two"].reduceRegion(ee.Reducer.sum().forEach([])), "must not be empty"),
        (lambda i: i["two"].reduceRegion(ee.Reducer.sum().repeat(2).group(2)), "needs 3 bands"),
        (lambda i: i["two"].reduce(ee.Reducer.sum().group(1)), "single input"),
    ],
)
def test_wrong_groups_and_classes_are_named(
    images: Images, formula: Callable[[Images], Any], words: str
) -> None:
    with pytest.raises(ee.EEException, match=words):
        formula(images).getInfo()
