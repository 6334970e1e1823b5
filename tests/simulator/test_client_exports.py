"""What the unmodified Earth Engine client sees of its exports and their operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ee
import httpx
import pytest
from ee import _cloud_api_utils

from geesync.simulator import Simulator, always
from geesync.simulator.tasks.operation import State
from tests.simulator.conftest import ELEVATION

ExportBody = Callable[..., dict[str, Any]]


def test_an_unknown_field_is_refused_by_name(earth_engine: Any, export_body: ExportBody) -> None:
    with pytest.raises(ee.EEException, match='Unknown name "gridd": Cannot find field'):
        earth_engine.exportImage("r-1", export_body(gridd={}))


def test_an_unknown_function_is_refused_by_name(
    simulator: Simulator, earth_engine: Any, export_body: ExportBody
) -> None:
    body = export_body(expression=ee.Image(ELEVATION).entropy(ee.Kernel.square(3)))

    with pytest.raises(ee.EEException, match="entropy"):
        earth_engine.exportImage("r-1", body)
    assert simulator.operations.all() == []


def test_a_project_that_may_not_export_is_told_so(
    simulator: Simulator, earth_engine: Any, export_body: ExportBody
) -> None:
    simulator.world.permissions.deny(permission="earthengine.exports.create")

    with pytest.raises(ee.EEException, match=r"Permission 'earthengine\.exports\.create'"):
        earth_engine.exportImage("r-1", export_body())


def test_an_export_answers_pending_and_ends_by_itself(
    start: Callable[..., Simulator],
) -> None:
    simulator = start(run_s=always(60))
    body = {
        "expression": ee.Image(ELEVATION),
        "description": "d",
        "fileExportOptions": {
            "fileFormat": "GEO_TIFF",
            "cloudStorageDestination": {"bucket": simulator.bucket, "filenamePrefix": "a"},
        },
    }

    answer = ee.data.exportImage("r-1", body)
    running = ee.data.getOperation(answer["name"])
    simulator.advance(60)
    done = ee.data.getOperation(answer["name"])

    assert answer["metadata"]["state"] == "PENDING"
    assert "done" not in answer
    assert running["metadata"]["state"] == "RUNNING"
    assert done["done"] is True
    assert done["metadata"]["destinationUris"] == [
        f"https://console.developers.google.com/storage/browser/{simulator.bucket}/"
    ]


def test_a_lost_answer_is_repaired_by_the_request_id(
    simulator: Simulator, earth_engine: Any, export_body: ExportBody
) -> None:
    lost = simulator.faults.add("drop_response", method="POST", path="image:export")
    with pytest.raises(ConnectionError):
        earth_engine.exportImage("r-1", export_body())

    earth_engine.exportImage("r-1", export_body())

    assert lost.fired == 1
    assert simulator.audit.count("export") == 1
    assert len(earth_engine.listOperations()) == 1


def test_a_missing_asset_fails_the_operation_not_the_call(
    earth_engine: Any, export_body: ExportBody
) -> None:
    answer = earth_engine.exportImage("r-1", export_body(asset="users/demo/nothing"))

    operation = earth_engine.getOperation(answer["name"])
    assert operation["error"]["code"] == 3
    assert "not found" in operation["error"]["message"]
    assert _cloud_api_utils.convert_operation_to_task(operation)["state"] == "FAILED"


def test_a_missing_bucket_fails_the_operation(
    simulator: Simulator, earth_engine: Any, export_body: ExportBody
) -> None:
    body = export_body()
    body["fileExportOptions"]["cloudStorageDestination"]["bucket"] = "nobody-s"

    earth_engine.exportImage("r-1", body)

    assert [op.state for op in simulator.operations.all()] == [State.FAILED]


@pytest.mark.parametrize("code", [3, 7])
def test_a_bucket_that_one_may_not_write_to_fails_the_operation(
    start: Callable[..., Simulator], code: int
) -> None:
    simulator = start(bucket_refusal_code=code, bucket_refusal_message="No.")
    simulator.world.permissions.deny(f"gs://{simulator.bucket}", principal="anonymous")
    body = {
        "expression": ee.Image(ELEVATION),
        "fileExportOptions": {
            "cloudStorageDestination": {"bucket": simulator.bucket, "filenamePrefix": "a"}
        },
    }

    answer = ee.data.exportImage("r-1", body)

    assert ee.data.getOperation(answer["name"])["error"] == {"code": code, "message": "No."}


def test_of_several_files_some_may_be_there_before_others(
    start: Callable[..., Simulator],
) -> None:
    simulator = start(file_edge=32, object_lag_s=(30, 30))
    body = {
        "expression": ee.Image(ELEVATION),
        "fileExportOptions": {
            "cloudStorageDestination": {"bucket": simulator.bucket, "filenamePrefix": "a"}
        },
    }

    ee.data.exportImage("r-1", body)
    early = objects(simulator)
    simulator.advance(30)

    assert (len(early), len(objects(simulator))) == (2, 4)


def objects(simulator: Simulator) -> list[Any]:
    listed = httpx.get(f"{simulator.storage_url}/storage/v1/b/{simulator.bucket}/o").json()
    return list(listed.get("items", []))


def test_an_unknown_operation_is_not_found(earth_engine: Any) -> None:
    with pytest.raises(ee.EEException, match="Requested entity was not found"):
        earth_engine.getOperation("projects/p/operations/NOPE")


def test_an_export_to_an_asset_makes_one_with_the_same_pixels(
    simulator: Simulator, earth_engine: Any
) -> None:
    name = f"projects/{simulator.project}/assets/derived"
    body = {
        "expression": ee.Image(ELEVATION).toFloat(),
        "assetExportOptions": {
            "earthEngineDestination": {"name": name},
            "pyramidingPolicy": "SAMPLE",
        },
    }

    earth_engine.exportImage("r-1", body)

    made, source = simulator.world.get(name), simulator.world.get(ELEVATION)
    assert earth_engine.getAsset(name)["bands"][0]["dataType"] == {"precision": "FLOAT"}
    assert made.bands[0].pyramiding == "SAMPLE"
    assert (made.bands[0].load()[0] == source.bands[0].load()[0]).all()


def test_an_export_to_an_asset_keeps_properties_and_times_and_averages_by_default(
    simulator: Simulator, earth_engine: Any
) -> None:
    name = f"projects/{simulator.project}/assets/derived"
    image = ee.Image("users/demo/scenes/s0001")
    options = {"pyramidingPolicyOverrides": {"B5": "MODE"}}

    earth_engine.exportImage(
        "r-1",
        {
            "expression": image.select(["B4", "B5"])
            .multiply(2)
            .copyProperties(image)
            .set("system:time_start", image.get("system:time_start"), "n", 2, "list", [1]),
            "assetExportOptions": {"earthEngineDestination": {"name": name}, **options},
        },
    )

    told = earth_engine.getAsset(name)
    assert {band["id"]: band["pyramidingPolicy"] for band in told["bands"]} == {
        "B4": "MEAN",
        "B5": "MODE",
    }
    assert told["properties"] == {"CLOUD": 12.5, "tag": "s0001", "n": 2}
    assert told["startTime"] == "2023-05-06T10:30:00Z"
    assert "endTime" not in told
