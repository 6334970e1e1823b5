"""What the methods of assets and policies refuse at their edges, by raw requests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from geesync.simulator import CALM, Simulator
from geesync.simulator.wire.tokens import PREFIX
from tests.simulator.ingesting import ELEVATION, HOME

Json = dict[str, Any]
ASSETS = "projects/demo-project/assets"
SCENE = f"{HOME}/scenes/s0001"
FOLDER, COLLECTION = {"type": "FOLDER"}, {"type": "IMAGE_COLLECTION"}
VIEWER = {"role": "roles/viewer", "members": ["allUsers"]}


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator("small") as running:
        yield running


def call(simulator: Simulator, method: str, path: str, body: Any = None) -> httpx.Response:
    content = body if isinstance(body, str) else json.dumps(body or {})
    return httpx.request(method, f"{simulator.earth_engine_url}/v1/{path}", content=content)


def create(name: str = "new", query: str = "") -> tuple[str, str]:
    return "POST", f"projects/demo-project/assets?assetId={name}{query}"


def patch(name: str = ELEVATION) -> tuple[str, str]:
    return "PATCH", name


@pytest.mark.parametrize(
    ("request_", "body", "words"),
    [
        # Numbers that JSON can write and nothing can hold.
        (create(), '{"type": "IMAGE_COLLECTION", "properties": {"a": 1e400}}', "Unexpected token"),
        (create(), {**COLLECTION, "startTime": {"seconds": 1, "nanos": 10**9}}, "Timestamp"),
        (create(), {**COLLECTION, "startTime": {"seconds": 1, "nanos": -1}}, "Timestamp"),
        # An image may be overwritten, but not by a container.
        (create("pixel", "&overwrite=true"), FOLDER, "Cannot overwrite"),
        (create("pixel", "&overwrite=true"), COLLECTION, "Cannot overwrite"),
        (create("new", "&overwrite=maybe"), FOLDER, "TYPE_BOOL"),
        (
            ("POST", f"{HOME}/empty:copy"),
            {"destinationName": f"{ASSETS}/pixel", "overwrite": True},
            "Cannot overwrite",
        ),
        # What a folder does not have is not dropped in silence.
        (patch(f"{HOME}/empty"), {"asset": {"properties": {"a": 1}}}, "folder cannot have"),
        (
            patch(ASSETS),
            {"asset": {"startTime": "2020-01-01T00:00:00Z"}, "updateMask": "start_time"},
            "folder cannot have",
        ),
        (
            patch(),
            {"asset": {"properties": {"a": 1}}, "updateMask": "properties.a.b"},
            "cannot be updated",
        ),
        (
            patch(),
            {"asset": {"startTime": "2020-01-01T00:00:00Z"}, "updateMask": "start_time.a"},
            "cannot be updated",
        ),
        # One type for a property within a collection, however it comes there.
        (patch(SCENE), {"asset": {"properties": {"tag": 5}}}, "does not match the type"),
        (
            ("POST", f"{ASSETS}/pixel:copy"),
            {"destinationName": f"{HOME}/scenes/copied"},
            "does not match the type",
        ),
        (
            ("POST", f"{ASSETS}/pixel:move"),
            {"destinationName": f"{HOME}/scenes/moved"},
            "does not match the type",
        ),
        (
            ("POST", f"{ELEVATION}:copy"),
            {"destinationName": f"{ASSETS}/copied", "bandIds": ["elevation", "absent"]},
            "no band 'absent'",
        ),
        # The roots stay.
        (("DELETE", "projects/earthengine-legacy/assets/users/demo"), None, "cannot be deleted"),
        (
            ("POST", "projects/earthengine-legacy/assets/users/demo:move"),
            {"destinationName": f"{ASSETS}/all"},
            "cannot be moved",
        ),
        # Policies.
        (
            ("POST", f"{ELEVATION}:setIamPolicy"),
            {"policy": {"bindings": [{**VIEWER, "members": ["user:"]}]}},
            "unknown type",
        ),
        (
            ("POST", f"{ELEVATION}:setIamPolicy"),
            {"policy": {"version": 2, "bindings": [VIEWER]}},
            "version",
        ),
        (("POST", f"{ELEVATION}:testIamPermissions"), {"permissions": ["foo"]}, "not valid"),
        (
            ("POST", f"{ELEVATION}:testIamPermissions"),
            {"permissions": ["earthengine.assets.*"]},
            "not valid",
        ),
    ],
)
def test_it_is_refused_by_name_and_changes_nothing(
    simulator: Simulator, request_: tuple[str, str], body: Any, words: str
) -> None:
    simulator.world.put(replace(simulator.world.get(f"{ASSETS}/pixel"), properties={"tag": 5}))
    before = list(simulator.world.walk(ASSETS)), list(simulator.world.walk(HOME))

    answer = call(simulator, *request_, body)

    assert answer.status_code == 400, answer.text
    assert words in answer.json()["error"]["message"]
    assert (list(simulator.world.walk(ASSETS)), list(simulator.world.walk(HOME))) == before


def test_an_empty_root_stays_too() -> None:
    with Simulator("small") as other:
        for asset in reversed(list(other.world.walk(ASSETS))[1:]):
            assert call(other, "DELETE", asset.name).status_code == 200

        assert call(other, "DELETE", ASSETS).status_code == 400
        assert call(other, "GET", ASSETS).status_code == 200


def test_a_very_large_whole_number_is_a_double(simulator: Simulator) -> None:
    body = f'{{"type": "IMAGE_COLLECTION", "properties": {{"a": {10**30}, "b": 9007199254740993}}}}'

    made = call(simulator, *create("large"), body).json()

    assert made["properties"] == {"a": 1e30, "b": 9007199254740993}


def test_a_copy_has_the_bands_that_are_wanted(simulator: Simulator) -> None:
    source = simulator.world.get(SCENE)
    wanted = [band.id for band in source.bands[:2]]

    body = {"destinationName": f"{ASSETS}/some", "bandIds": wanted}
    made = call(simulator, "POST", f"{SCENE}:copy", body).json()

    assert [band["id"] for band in made["bands"]] == wanted


def test_members_of_a_domain_have_what_it_has() -> None:
    with Simulator("small", profile=replace(CALM, members=("owner",))) as simulator:
        binding = {"role": "roles/viewer", "members": ["domain:example.com"]}
        simulator.world.set_policy(ELEVATION, {"bindings": [binding]})

        for who, status in (("a@example.com", 200), ("a@other.example.com", 404), ("a", 404)):
            url = f"{simulator.earth_engine_url}/v1/{ELEVATION}"
            answer = httpx.get(url, headers={"authorization": f"Bearer {PREFIX}{who}"})
            assert answer.status_code == status, who
