"""What one task or call does wrong is its own affair: the others go on, and it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ee
import httpx
import numpy as np
import pytest

from geesync.simulator import CALM, Simulator
from geesync.simulator.tasks.operation import State, Task
from geesync.simulator.world.pixels import SimAsset, SimBand
from tests.simulator.conftest import ELEVATION, load_image
from tests.simulator.exporting import PROJECT, Account, File
from tests.simulator.graphs import GRID, call, graph, load
from tests.simulator.ingesting import MADE, exported

Body = dict[str, Any]
EDGE = 2**31 - 1


def grid(width: int, height: int, **transform: Any) -> Body:
    terms = {"scaleX": 30, "scaleY": -30, **transform}
    size = {"width": width, "height": height}
    return {"crsCode": "EPSG:32633", "dimensions": size, "affineTransform": terms}


def post(simulator: Simulator, body: Body) -> httpx.Response:
    return httpx.post(
        f"{simulator.earth_engine_url}/v1/projects/{simulator.project}/image:export", json=body
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"grid": grid(0, 0)},
        {"grid": grid(EDGE, EDGE), "maxPixels": str(2**63 - 1)},
        {"grid": grid(4, 4, scaleX="Infinity")},
        {"grid": grid(4, 4, scaleX=0)},
        {"grid": {"crsCode": "EPSG:0"}},
        {"expression": graph(call("Image.select", input=load(ELEVATION), bandSelectors=["("]))},
        {"expression": graph({"constantValue": "x"})},
        {"expression": graph(call("Image.reproject", image=load(ELEVATION), crs="x", scale=1e-9))},
    ],
)
def test_a_broken_export_harms_no_other(
    simulator: Simulator,
    export_body: Callable[..., Body],
    bucket: Any,
    fields: Body,
    caplog: pytest.LogCaptureFixture,
) -> None:
    answer = post(simulator, export_body("broken", **fields))
    sound = post(simulator, export_body("sound"))

    assert sound.status_code == 200
    assert bucket.blob("sound.tif").exists()
    if answer.status_code != 400:
        assert simulator.operations.get(answer.json()["name"]).state is State.FAILED
    assert not caplog.records


@pytest.mark.parametrize("edges", [(0, 256), (256, -1), (EDGE + 1, 256)])
def test_files_without_pixels_are_refused_at_once(
    simulator: Simulator, export_body: Callable[..., Body], edges: tuple[int, int]
) -> None:
    body = export_body("tiles")
    size = {"width": edges[0], "height": edges[1]}
    body["fileExportOptions"]["geoTiffOptions"] = {"tileDimensions": size}

    assert post(simulator, body).status_code == 400


def test_a_manifest_of_nothing_but_a_mask_is_refused(
    simulator: Simulator, earth_engine: Any
) -> None:
    source = exported(simulator, ee.Image(ELEVATION), "plain")
    told = {"name": MADE, "tilesets": [{"id": "t", "sources": [source]}]}

    answer = earth_engine.startIngestion("", {**told, "maskBands": {"tilesetId": "t"}})
    with pytest.raises(ee.EEException, match="no bands but masks"):
        earth_engine.startExternalImageIngestion({**told, "maskBands": {"tilesetId": "t"}})

    assert "no bands but masks" in earth_engine.getOperation(answer["name"])["error"]["message"]


def test_a_time_that_is_none_cannot_be_written_so_that_listings_go_on(
    simulator: Simulator, earth_engine: Any
) -> None:
    collection = f"projects/{simulator.project}/assets/all"
    earth_engine.createAsset({"type": "IMAGE_COLLECTION"}, collection)
    earth_engine.copyAsset(ELEVATION, f"{collection}/a")

    with pytest.raises(ee.EEException, match="timestamp"):
        earth_engine.updateAsset(f"{collection}/a", {"start_time": "soon"}, ["start_time"])

    since = {"parent": collection, "filter": 'startTime >= "2020-01-01T00:00:00Z"'}
    assert len(earth_engine.listAssets(since)["assets"]) == 1


def test_a_mistake_of_the_simulator_ends_one_task_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    account = Account(CALM)

    def broken() -> File:
        raise ZeroDivisionError("of ours")

    account.operations.start(Task(PROJECT, "EXPORT_IMAGE", work=broken))
    account.start("sound")

    assert account.states() == ["FAILED", "SUCCEEDED"]
    assert account.files == ["sound"]
    assert "ZeroDivisionError: of ours" in caplog.text


def test_what_cannot_be_published_ends_one_task(caplog: pytest.LogCaptureFixture) -> None:
    account = Account(CALM)

    class Unpublishable(File):
        def publish(self) -> None:
            raise OSError("no room")

    account.operations.start(
        Task(PROJECT, "EXPORT_IMAGE", work=lambda: Unpublishable(account.files, "a"))
    )
    account.start("sound")

    assert account.states() == ["FAILED", "SUCCEEDED"]
    assert "no room" in caplog.text


def test_operations_are_read_started_and_cancelled_while_a_long_one_is_at_work() -> None:
    account = Account(CALM)
    account.operations._patience_s = 0.01
    may_end, begun = threading.Event(), threading.Event()

    def long() -> File:
        begun.set()
        assert may_end.wait(60)
        return File(account.files, "long")

    one = account.operations.start(Task(PROJECT, "EXPORT_IMAGE", work=long, description="one"))
    account.operations.settle()
    assert begun.wait(60)
    other = account.start("other")
    listed, _ = account.operations.page(PROJECT, 10)
    account.operations.cancel(one.id)
    states = [one.state, other.state]
    may_end.set()
    account.operations.settle(60)

    assert [op.id for op in listed] == [other.id, one.id]
    assert states == [State.CANCELLING, State.PENDING]
    assert (account.states(), account.files) == (["CANCELLED", "SUCCEEDED"], ["other"])


def test_it_ends_within_a_second_whatever_it_is_doing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "geesync", "simulator", "--scenario", "small"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path), "COLUMNS": "200"},
    ) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        url = next(line for line in lines if line.startswith("url")).split('"')[1]
        body = {
            "expression": load_image(ELEVATION),
            "grid": grid(30_000, 30_000),
            "maxPixels": str(10**9),
            "fileExportOptions": {
                "cloudStorageDestination": {"bucket": "demo-bucket", "filenamePrefix": "large"},
                "fileFormat": "GEO_TIFF",
            },
        }
        httpx.post(f"{url}/v1/projects/demo-project/image:export", json=body).raise_for_status()
        asked = time.monotonic()
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        took_s = time.monotonic() - asked

    assert took_s < 3  # a second, and what a busy machine adds to it
    assert process.returncode == 0


def test_a_slow_answer_does_not_hold_up_the_end(simulator: Simulator) -> None:
    never, asked = threading.Event(), threading.Event()

    def load() -> Any:
        asked.set()
        assert never.wait(60)
        return np.zeros((3, 4), np.uint8), None

    band = SimBand("b", GRID, "INT", (0, 255), load)
    simulator.world.put(SimAsset(name=f"projects/{simulator.project}/assets/slow", type="IMAGE"))
    simulator.world.put(
        SimAsset(name=f"projects/{simulator.project}/assets/slow", type="IMAGE", bands=(band,))
    )
    place = f"{simulator.earth_engine_url}/v1/projects/{simulator.project}/assets/slow:getPixels"
    answers: list[object] = []

    def ask() -> None:
        try:
            answers.append(httpx.post(place, json={"fileFormat": "NPY"}, timeout=60))
        except httpx.TransportError as error:
            answers.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    assert asked.wait(60)
    simulator.stop()
    asking.join(60)
    never.set()

    assert isinstance(answers[0], httpx.TransportError)
