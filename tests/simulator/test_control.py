"""What a test can do to a simulator in another process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from geesync.simulator import Simulator

ELEVATION = "projects/earthengine-legacy/assets/users/demo/elevation"


@pytest.fixture
def control(simulator: Simulator) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=simulator.earth_engine_url, trust_env=False) as client:
        yield client


def test_the_clock_is_read_and_advanced(control: httpx.Client) -> None:
    before = control.get("/-/clock").json()
    after = control.post("/-/clock", json={"advance_s": 60}).json()

    assert before["now"] == "2026-01-01T00:00:00Z"
    assert after["now"] == "2026-01-01T00:01:00Z"


def test_faults_are_added_counted_and_cleared(control: httpx.Client) -> None:
    control.post("/-/faults", json={"action": "status", "path": "elevation", "status": 500})

    failed = control.get(f"/v1/{ELEVATION}").status_code
    (fault,) = control.get("/-/faults").json()["faults"]
    control.delete("/-/faults")

    assert (failed, fault["fired"]) == (500, 1)
    assert control.get("/-/faults").json() == {"faults": []}


def test_the_world_is_changed(control: httpx.Client) -> None:
    before = control.get(f"/v1/{ELEVATION}").json()

    control.post("/-/world", json={"touch": "users/demo/elevation"})
    touched = control.get(f"/v1/{ELEVATION}").json()
    control.post("/-/world", json={"move": "users/demo/elevation", "to": "users/demo/empty/moved"})
    control.post("/-/world", json={"delete": "users/demo/scenes"})
    control.post("/-/world", json={"deny": "users/demo/empty"})

    assert touched["updateTime"] > before["updateTime"]
    assert control.get(f"/v1/{ELEVATION}").status_code == 404
    scenes = ELEVATION.replace("elevation", "scenes")
    assert control.get(f"/v1/{scenes}").status_code == 404
    moved = ELEVATION.replace("elevation", "empty/moved")
    assert control.get(f"/v1/{moved}").status_code == 404


def test_operations_of_others_and_failures_are_scripted(control: httpx.Client) -> None:
    control.post("/-/operations", json={"fail": "theirs", "code": 13, "message": "Bad."})
    control.post("/-/operations", json={"foreign": 1, "description": "theirs"})

    (operation,) = control.get("/-/state").json()["operations"]
    assert operation["error"] == {"code": 13, "message": "Bad."}


def test_the_audit_is_read_by_kind(control: httpx.Client) -> None:
    control.delete(f"/v1/{ELEVATION}")

    (record,) = control.get("/-/audit", params={"kind": "delete"}).json()["records"]
    assert record["target"] == ELEVATION


@pytest.mark.parametrize(
    ("door", "wish"),
    [
        ("/-/clock", {"advance_s": -1}),
        ("/-/faults", {"action": "reset", "colour": "red"}),
        ("/-/world", {"explode": "everything"}),
        ("/-/operations", {}),
    ],
)
def test_nonsense_is_refused(control: httpx.Client, door: str, wish: dict[str, object]) -> None:
    assert control.post(door, json=wish).status_code == 400


def test_an_unknown_door_names_the_others(control: httpx.Client) -> None:
    answer = control.get("/-/nothing")

    assert answer.status_code == 404
    assert "/-/clock" in answer.json()["error"]


def test_the_audit_also_goes_to_a_file(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"

    with Simulator("small", audit_file=file) as simulator:
        httpx.delete(f"{simulator.earth_engine_url}/v1/{ELEVATION}", trust_env=False)

    assert [json.loads(line)["kind"] for line in file.read_text().splitlines()] == ["delete"]
