"""What is refused when an account has used up what it may use, and what then works again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import ee
import httpx
import pytest

from geesync.simulator import CALM, Simulator, always
from geesync.simulator.exports.asset_exports import BYTES_A_ROW
from geesync.simulator.tasks.operation import State

Start = Callable[..., Simulator]
HOME = "projects/earthengine-legacy/assets/users/demo"
ELEVATION = f"{HOME}/elevation"
PROJECT = "projects/demo-project/assets"
DAILY = "daily_eecu_usage_time"


def export(simulator: Simulator, name: str) -> dict[str, Any]:
    body = {
        "expression": ee.Image(ELEVATION),
        "description": name,
        "fileExportOptions": {
            "cloudStorageDestination": {"bucket": simulator.bucket, "filenamePrefix": name}
        },
    }
    answer: dict[str, Any] = ee.data.exportImage(name, body)
    return answer


def test_restricted_mode_leaves_one_slot(start: Start) -> None:
    with pytest.warns(UserWarning, match="restricted mode"):
        simulator = start(restricted=True, run_s=always(60))
    for name in ("a", "b"):
        with pytest.warns(UserWarning, match="restricted mode"):
            export(simulator, name)

    assert [op.state for op in simulator.operations.all()] == [State.RUNNING, State.PENDING]


@pytest.mark.parametrize("status", [429, 403])
def test_the_compute_of_a_day_is_refused_at_the_call_until_midnight(
    start: Start, status: int
) -> None:
    simulator = start(daily_eecu_s=0.25, midnight_utc_h=8, eecu_status=status)
    for name in ("a", "b"):
        export(simulator, name)

    with pytest.raises(ee.EEException, match=DAILY) as refusal:
        export(simulator, "c")
    simulator.advance(8 * 3600)
    export(simulator, "d")

    assert refusal.value.__context__.resp.status == status  # type: ignore[union-attr] # as the client keeps it
    assert simulator.audit.count("export") == 3


def test_or_the_operation_fails_and_later_ones_do_not(start: Start) -> None:
    simulator = start(daily_eecu_s=0.125, eecu_refuses="operations")

    export(simulator, "a")
    error = ee.data.getOperation(export(simulator, "b")["name"])["error"]
    simulator.advance(24 * 3600)
    after = ee.data.getOperation(export(simulator, "c")["name"])

    assert (error["code"], DAILY in error["message"]) == (8, True)
    assert after["metadata"]["state"] == "SUCCEEDED"


def test_another_project_has_a_day_of_its_own(start: Start) -> None:
    simulator = start(daily_eecu_s=0.125)
    export(simulator, "a")

    ee.data.setCloudApiUserProject("other-project")
    export(simulator, "b")

    with pytest.raises(ee.EEException, match=DAILY):
        export(simulator, "c")


@pytest.mark.parametrize("knobs", [{"calls_per_s": 8}, {"calls_at_once": 3, "latency_s": 0.5}])
def test_what_comes_too_fast_or_too_much_at_once_is_refused(knobs: dict[str, Any]) -> None:
    simulator = Simulator("small", profile=replace(CALM, **knobs))
    with simulator, ThreadPoolExecutor(24) as pool, httpx.Client() as client:
        url = f"{simulator.earth_engine_url}/v1/{ELEVATION}"

        answers = list(pool.map(lambda _: client.get(url), range(24)))

    statuses = Counter(answer.status_code for answer in answers)
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert statuses[200] > 0
    assert "rate or concurrency limit" in refused.json()["error"]["message"]


# --- Assets of a root.


def fill(simulator: Simulator, name: str) -> Any:
    """Try to make an asset in each of the ways that there are."""
    asset = {"earthEngineDestination": {"name": f"{PROJECT}/{name}"}}
    match name:
        case "created":
            ee.data.createAsset({"type": "FOLDER"}, f"{PROJECT}/{name}")
        case "copied":
            ee.data.copyAsset(ELEVATION, f"{PROJECT}/{name}")
        case "exported":
            body = {"expression": ee.Image(ELEVATION), "assetExportOptions": asset}
            ended(ee.data.exportImage("x", body))
        case "table":
            rows = ee.FeatureCollection(f"{PROJECT}/stations")
            ended(ee.data.exportTable("t", {"expression": rows, "assetExportOptions": asset}))
        case "ingested":
            export(simulator, "file")
            source = {"uris": [f"gs://{simulator.bucket}/file.tif"]}
            told = {"name": f"{PROJECT}/{name}", "tilesets": [{"sources": [source]}]}
            ended(ee.data.startIngestion("i", told))


def ended(answer: dict[str, Any]) -> None:
    operation = ee.data.getOperation(answer["name"])
    if "error" in operation:
        raise ee.EEException(operation["error"]["message"])


WAYS = ("created", "copied", "exported", "table", "ingested")


@pytest.mark.parametrize("way", WAYS)
def test_a_root_holds_so_many_assets_and_no_more(start: Start, way: str) -> None:
    simulator = start(max_assets=5, asset_quota_message="There is no room.")
    fill(simulator, way)

    with pytest.raises(ee.EEException, match=r"There is no room\."):
        ee.data.createAsset({"type": "FOLDER"}, f"{PROJECT}/more")
    ee.data.deleteAsset(f"{PROJECT}/{way}")
    ee.data.createAsset({"type": "FOLDER"}, f"{PROJECT}/instead")

    quota = ee.data.getAssetRootQuota(PROJECT)
    assert quota["asset_count"] == {"usage": 5, "limit": 5}


@pytest.mark.parametrize("way", [way for way in WAYS if way != "created"])
def test_a_root_holds_so_many_bytes_and_no_more(start: Start, way: str) -> None:
    # The oddities and the stations are what takes room at first.
    simulator = start(max_bytes=BYTES_A_ROW * (24 + 9) + 1000, asset_quota_status=429)

    with pytest.raises(ee.EEException, match="quota exceeded"):
        fill(simulator, way)
    assert simulator.world.find(f"{PROJECT}/{way}") is None


def test_replacing_an_asset_needs_room_for_the_difference_only(start: Start) -> None:
    simulator = start(max_assets=5)
    ee.data.copyAsset(ELEVATION, f"{PROJECT}/copy")

    ee.data.copyAsset(ELEVATION, f"{PROJECT}/copy", allowOverwrite=True)

    assert simulator.world.usage(PROJECT).assets == 5
