"""Rows at once, as the unmodified client asks for them: listFeatures and computeFeatures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import ee
import pytest

from geesync.simulator import Simulator
from geesync.simulator.world.pixels import SimAsset, SimFeature

STATIONS = "projects/demo-project/assets/stations"
ODDITIES = "projects/demo-project/assets/oddities"
MADE = "projects/demo-project/assets/made"

Start = Callable[..., Simulator]


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """One for all: most tests only read."""
    with Simulator("small") as running:
        yield running


def rows_of(simulator: Simulator, name: str) -> list[SimFeature]:
    features = simulator.world.get(name).features
    assert features is not None
    return list(features())


def put(simulator: Simulator, *rows: SimFeature) -> None:
    table = SimAsset(name=MADE, type="TABLE", features=lambda: iter(rows), feature_count=len(rows))
    simulator.world.put(table)


def all_pages(asset: str, **asked: Any) -> tuple[list[dict[str, Any]], int]:
    """Return the features of all pages, and how many pages there were."""
    found, pages, token = [], 0, ""
    while token or not pages:
        answer = ee.data.listFeatures({"assetId": asset, **asked, "pageToken": token})
        found += answer.get("features", [])
        token, pages = answer.get("nextPageToken", ""), pages + 1
    return found, pages


def test_a_row_is_geojson_whose_index_is_a_property(
    simulator: Simulator, earth_engine: Any
) -> None:
    first = rows_of(simulator, STATIONS)[0]

    answer = earth_engine.listFeatures({"assetId": STATIONS, "pageSize": 1})

    assert answer["type"] == "FeatureCollection"
    assert answer["features"] == [
        {
            "type": "Feature",
            "geometry": first.geometry,
            "properties": {**first.properties, "system:index": first.index},
        }
    ]


def test_pages_together_have_each_row_once(start: Start) -> None:
    simulator = start(short_pages=0.5)

    found, pages = all_pages(ODDITIES, pageSize=5)

    indices = [feature["properties"]["system:index"] for feature in found]
    assert indices == [row.index for row in rows_of(simulator, ODDITIES)]
    assert pages > 5


def test_a_page_has_a_thousand_rows_unless_told_otherwise(
    simulator: Simulator, earth_engine: Any
) -> None:
    put(simulator, *(SimFeature(str(n), None, {"n": n}) for n in range(1001)))

    first = earth_engine.listFeatures({"assetId": MADE})
    all_of_them = earth_engine.listFeatures({"assetId": MADE, "pageSize": 5000})

    assert len(first["features"]) == 1000
    assert len(all_of_them["features"]) == 1001
    assert "nextPageToken" not in all_of_them


def test_an_empty_table_has_an_empty_page(simulator: Simulator, earth_engine: Any) -> None:
    put(simulator)

    assert earth_engine.listFeatures({"assetId": MADE}) == {"type": "FeatureCollection"}


@pytest.mark.parametrize(("answer", "is_there"), [("absent", False), ("null", True)])
def test_a_row_without_a_geometry_says_so_or_says_nothing(
    start: Start,
    answer: str,
    is_there: bool,  # noqa: FBT001 - a parameter of the table above
) -> None:
    simulator = start(null_geometry=answer)
    put(simulator, SimFeature("0", None, {}))

    (feature,) = ee.data.listFeatures({"assetId": MADE})["features"]

    assert ("geometry" in feature) == is_there
    assert feature.get("geometry") is None


@pytest.mark.parametrize(("answer", "kind"), [("short", int), ("typed", float)])
def test_a_whole_double_may_be_told_from_a_whole_number(
    start: Start, answer: str, kind: type
) -> None:
    simulator = start(whole_doubles=answer)
    put(simulator, SimFeature("0", None, {"d": 7.0, "i": 7, "half": 0.5, "far": 1e300}))

    (feature,) = ee.data.listFeatures({"assetId": MADE})["features"]

    properties = feature["properties"]
    assert type(properties["d"]) is kind
    assert type(properties["i"]) is int
    assert (properties["half"], properties["far"]) == (0.5, 1e300)


@pytest.mark.usefixtures("earth_engine")
def test_rows_are_chosen_by_region_and_by_property(simulator: Simulator) -> None:
    def square(west: float) -> dict[str, Any]:
        ring = [[west, 0], [west + 1, 0], [west + 1, 1], [west, 1], [west, 0]]
        return {"type": "Polygon", "coordinates": [ring]}

    put(
        simulator,
        SimFeature("a", square(0), {"n": 1}),
        SimFeature("b", square(10), {"n": 2}),
        SimFeature("c", None, {"n": 3}),
    )

    in_region, _ = all_pages(MADE, region=json.dumps(square(0.5)))
    by_number, _ = all_pages(MADE, filter="properties.n >= 2")

    assert [feature["properties"]["n"] for feature in in_region] == [1]
    assert [feature["properties"]["n"] for feature in by_number] == [2, 3]


@pytest.mark.parametrize(
    "projection", ["FEATURE_PROJECTION_NATIVE", "FEATURE_PROJECTION_WGS_84_PLANAR"]
)
def test_both_projections_can_be_asked_for(earth_engine: Any, projection: str) -> None:
    plain = earth_engine.listFeatures({"assetId": STATIONS})

    assert (
        earth_engine.listFeatures({"assetId": STATIONS, "featureProjection": projection}) == plain
    )


def test_an_expression_s_rows_come_in_pages_too(simulator: Simulator, earth_engine: Any) -> None:
    table = ee.FeatureCollection(STATIONS).select(["name"])

    first = earth_engine.computeFeatures({"expression": table, "pageSize": 4})
    second = earth_engine.computeFeatures(
        {"expression": table, "pageSize": 5, "pageToken": first["nextPageToken"]}
    )

    names = [row["properties"]["name"] for row in first["features"] + second["features"]]
    assert names == [row.properties["name"] for row in rows_of(simulator, STATIONS)]
    assert "nextPageToken" not in second


def test_the_audit_tells_which_table_was_asked_for(simulator: Simulator, earth_engine: Any) -> None:
    earth_engine.listFeatures({"assetId": STATIONS, "pageSize": 4})

    record = simulator.audit.records("list_features")[-1]
    assert (record.target, record.details["page"]) == (STATIONS, (4, ""))


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"assetId": "projects/demo-project/assets/pixel"}, "is not a Collection"),
        ({"assetId": "projects/demo-project/assets/nope"}, "does not exist"),
        ({"assetId": STATIONS, "pageToken": "x"}, "Invalid page token"),
        ({"assetId": STATIONS, "pageSize": -1}, "Invalid value at 'pageSize'"),
        ({"assetId": STATIONS, "region": "here"}, "Invalid geometry"),
        ({"assetId": STATIONS, "filter": "n >"}, "Invalid filter"),
        ({"assetId": STATIONS, "featureProjection": "ROUND"}, "feature_projection"),
    ],
)
def test_what_cannot_be_listed_is_refused(
    earth_engine: Any, asked: dict[str, Any], words: str
) -> None:
    with pytest.raises(ee.EEException, match=words):
        earth_engine.listFeatures(asked)


def test_what_may_not_be_read_is_not_there(start: Start) -> None:
    simulator = start()
    simulator.world.permissions.deny(STATIONS)

    with pytest.raises(ee.EEException, match="does not exist or doesn't allow this operation"):
        ee.data.listFeatures({"assetId": STATIONS})
    with pytest.raises(ee.EEException, match="not found"):
        ee.data.computeFeatures({"expression": ee.FeatureCollection(STATIONS)})
