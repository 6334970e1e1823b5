"""What computations and the methods of operations refuse at their edges, by raw requests."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from geesync.simulator import Simulator
from tests.live.account import Json, array, export, function, grid

PROJECT = "projects/demo-project"
POINT = function("GeometryConstructors.Point", coordinates=[1, 2])
IMAGE = function("Image.constant", value=7)


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator("small") as running:
        yield running


def call(simulator: Simulator, method: str, path: str, body: Any = None) -> httpx.Response:
    url = f"{simulator.earth_engine_url}/v1/{path}"
    return httpx.request(method, url, content=json.dumps(body or {}))


def region(scale: float = 5, reducer: Json | None = None) -> Json:
    how = reducer or function("Reducer.mean")
    return function("Image.reduceRegion", image=IMAGE, reducer=how, geometry=POINT, scale=scale)


@pytest.mark.parametrize(
    ("node", "words"),
    [
        (region(scale=0), "scale must be greater than 0"),
        (region(scale=-5), "scale must be greater than 0"),
        (region(reducer=function("Reducer.percentile", percentiles=[101])), "between 0 and 100"),
        (region(reducer=function("Reducer.percentile", percentiles=[])), "between 0 and 100"),
        (function("GeometryConstructors.Point", coordinates=["a", "b"]), "Invalid coord"),
        (function("GeometryConstructors.Point", coordinates=[1]), "Invalid coord"),
        (function("GeometryConstructors.Polygon", coordinates=[1, 2]), "Invalid coord"),
        (function("GeometryConstructors.Polygon", coordinates=[[]]), "Invalid coord"),
        (
            function("GeometryConstructors.LineString", coordinates=[[[1, 2]]]),
            "Invalid coordinates",
        ),
        (function("GeometryConstructors.Rectangle", coordinates=[1, 2, 3]), "Invalid coord"),
        (function("GeometryConstructors.Rectangle", coordinates=["a", 1, 2, 3]), "Invalid coord"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_name(
    simulator: Simulator, node: Json, words: str
) -> None:
    expression = {"result": "0", "values": {"0": node}}

    answer = call(simulator, "POST", f"{PROJECT}/value:compute", {"expression": expression})

    assert answer.status_code == 400, answer.text
    assert words in answer.json()["error"]["message"]


@pytest.fixture
def operation(simulator: Simulator) -> str:
    target = {"bucket": "demo-bucket", "filenamePrefix": "out"}
    body = export(fileExportOptions={"fileFormat": "GEO_TIFF", "cloudStorageDestination": target})
    return str(call(simulator, "POST", f"{PROJECT}/image:export", body).json()["name"])


@pytest.mark.parametrize(
    ("method", "verb"), [("GET", ""), ("POST", ":cancel"), ("POST", ":wait"), ("DELETE", "")]
)
def test_an_operation_is_its_own_project_s(
    simulator: Simulator, operation: str, method: str, verb: str
) -> None:
    elsewhere = operation.replace("demo-project", "other-project")

    assert call(simulator, method, elsewhere + verb).status_code == 404
    assert call(simulator, "GET", operation).status_code == 200


@pytest.mark.parametrize("timeout", ["soon", "5", "-1s", "1.5"])
def test_a_wait_has_a_duration(simulator: Simulator, operation: str, timeout: str) -> None:
    answer = call(simulator, "POST", f"{operation}:wait", {"timeout": timeout})

    assert answer.status_code == 400
    assert call(simulator, "POST", f"{operation}:wait", {"timeout": "1.5s"}).status_code == 200


def test_what_is_asked_of_lists_and_settings_is_not_left_out_in_silence(
    simulator: Simulator,
) -> None:
    filtered = call(simulator, "GET", f"{PROJECT}/operations?filter=done%3Dtrue")
    body = {"maxConcurrentExports": 3}

    assert filtered.status_code == 400
    assert "filter" in filtered.json()["error"]["message"]
    assert call(simulator, "PATCH", f"{PROJECT}/config?updateMask=foo", body).status_code == 400
    for mask in ("maxConcurrentExports", "max_concurrent_exports", ""):
        query = f"?updateMask={mask}" if mask else ""
        assert call(simulator, "PATCH", f"{PROJECT}/config{query}", body).status_code == 200


GRID = grid()
FAR = {**GRID, "affineTransform": {**GRID["affineTransform"], "translateX": 1e9, "translateY": 1e9}}
SINGULAR = {**GRID, "affineTransform": {"scaleX": 0, "scaleY": 0}}
SIZELESS = {name: value for name, value in GRID.items() if name != "dimensions"}
LOADED = function("Image.load", id="users/demo/elevation")
TWO, TWICE = function("Image.constant", value=[1, 2]), "Duplicate band ID 'a'"
NAN = function("Number.log", input=-1)


def timed(value: Any) -> Json:
    return function("Element.set", object=IMAGE, key="system:time_start", value=value)


@pytest.mark.parametrize("to", ["asset", "file"])
@pytest.mark.parametrize(
    ("image", "where", "words"),
    [
        (function("Image.constant", value=[]), GRID, "no bands"),
        (IMAGE, SIZELESS, "unbounded"),
        (IMAGE, SINGULAR, "cannot be inverted"),
        (IMAGE, {**GRID, "crsCode": "nonsense"}, "could not be parsed"),
        (LOADED, FAR, "outside of what the projection|No valid"),
        (
            function(
                "Image.rename", input=function("Image.constant", value=[1, 2]), names=["a", "a"]
            ),
            GRID,
            TWICE,
        ),
        (timed(1e20), GRID, "time"),
        (timed(NAN), GRID, "time"),
    ],
    ids=["no bands", "no size", "singular", "no system", "far away", "twice", "late", "never"],
)
def test_an_export_of_what_cannot_be_ends_in_plain_words(
    simulator: Simulator, to: str, image: Json, where: Json, words: str
) -> None:
    name = f"{PROJECT}/assets/made"
    file: Json = {"bucket": "demo-bucket", "filenamePrefix": "made"}
    targets: dict[str, Json] = {
        "asset": {"assetExportOptions": {"earthEngineDestination": {"name": name}}},
        "file": {"fileExportOptions": {"fileFormat": "GEO_TIFF", "cloudStorageDestination": file}},
    }
    body = {**export(image), "grid": where, **targets[to]}

    started = call(simulator, "POST", f"{PROJECT}/image:export", body).json()
    error = call(simulator, "GET", started["name"]).json().get("error", {})

    if to == "file" and words in ("time", TWICE):  # which a file may have, or has not at all
        assert error == {}
    else:
        assert error["code"] == 3, error
        assert re.search(words, error["message"])


def test_what_no_property_can_be_is_not_exported(simulator: Simulator) -> None:
    name = f"{PROJECT}/assets/plain"
    image = function("Element.set", object=IMAGE, key="a", value=NAN)
    target = {"assetExportOptions": {"earthEngineDestination": {"name": name}}}
    call(simulator, "POST", f"{PROJECT}/image:export", {**export(image), **target})

    assert "properties" not in call(simulator, "GET", name).json()


def test_a_policy_of_a_band_that_is_not_there_is_refused(simulator: Simulator) -> None:
    target = {
        "earthEngineDestination": {"name": f"{PROJECT}/assets/made"},
        "pyramidingPolicyOverrides": {"absent": "MIN"},
    }
    body = {**export(), "assetExportOptions": target}
    started = call(simulator, "POST", f"{PROJECT}/image:export", body).json()

    error = call(simulator, "GET", started["name"]).json()["error"]

    assert "no band 'absent'" in error["message"]


ROWS = {"result": "0", "values": {"0": function("Collection", features=array([]))}}


@pytest.mark.parametrize(
    ("method", "path", "body", "words"),
    [
        ("POST", "table:computeFeatures", {"expression": ROWS, "pageSize": -1}, "negative"),
        ("POST", "imageCollection:computeImages", {"expression": ROWS, "pageSize": -1}, "negative"),
        ("GET", "assets/stations:listFeatures?pageToken=YXQgLTU=", None, "page token"),
        ("POST", "table:export", {"expression": ROWS, "maxErrorMeters": -1}, "negative"),
        ("POST", "table:export", {"expression": ROWS, "maxVertices": {"value": -1}}, "negative"),
        (
            "POST",
            "thumbnails",
            {"expression": {"result": "0", "values": {"0": IMAGE}}, "fileFormat": "JPEG"},
            "no downloads of JPEG",
        ),
    ],
)
def test_pages_and_formats_that_cannot_be_are_refused_at_once(
    simulator: Simulator, method: str, path: str, body: Any, words: str
) -> None:
    answer = call(simulator, method, f"{PROJECT}/{path}", body)

    assert answer.status_code == 400
    assert words in answer.json()["error"]["message"]


@pytest.mark.parametrize("asked", ["about", "files?orderBy=name", "files?foo=1"])
def test_a_drive_does_not_leave_out_in_silence_what_is_asked(
    simulator: Simulator, asked: str
) -> None:
    answer = httpx.get(f"{simulator.earth_engine_url}/drive/v3/{asked}")

    assert answer.status_code == 400
