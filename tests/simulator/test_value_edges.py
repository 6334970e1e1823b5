"""What computations and the methods of operations refuse at their edges, by raw requests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from geesync.simulator import Simulator
from tests.live.account import Json, export, function

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
