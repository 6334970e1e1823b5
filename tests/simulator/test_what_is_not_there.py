"""What the simulator does not have is refused at once, by name, and clients do not repeat it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import ee
import httpx
import pytest

from geesync.simulator import Simulator
from geesync.simulator.api.earth_engine import HANDLERS
from geesync.simulator.api.methods import METHODS, Method
from tests.simulator.conftest import ELEVATION
from tests.simulator.requests import PROJECT

ABSENT = [method for method in METHODS if method.id not in {*HANDLERS, "algorithms.list"}]


@pytest.fixture
def client(simulator: Simulator, connect: Callable[[Simulator], None]) -> Iterator[Simulator]:
    """The client, repeating as often as it does for everybody."""
    connect(simulator)
    ee.data.setMaxRetries(5)
    yield simulator
    ee.data.setMaxRetries(0)


def path(method: Method) -> str:
    below = method.path
    for name in method.minor_parameters:
        below = below.replace(f"{{{name}}}", "0")
    head = method.id.partition(".")[0]
    kinds = {"name": f"{PROJECT}/{head}/x", "sourceName": ELEVATION, "parent": PROJECT}
    named = f"{PROJECT}/maps/x" if method.minor_parameters else kinds.get(method.parameter, PROJECT)
    return below.replace(f"{{+{method.parameter}}}", named)


@pytest.mark.parametrize("method", ABSENT, ids=lambda method: method.id)
def test_a_method_that_is_not_there_is_a_bad_request(simulator: Simulator, method: Method) -> None:
    answer = httpx.request(method.http, f"{simulator.earth_engine_url}/v1/{path(method)}")

    assert answer.status_code == 400
    assert answer.json()["error"]["message"] == f"The simulator does not have {method.id}."


@pytest.mark.parametrize(
    "ask",
    [
        lambda: ee.Image(ELEVATION).getMapId(),
        lambda: ee.FeatureCollection(f"{PROJECT}/assets/stations").getDownloadURL("CSV"),
        lambda: ee.ImageCollection([ee.Image(ELEVATION)]).getVideoThumbURL({}),
        lambda: ee.batch.Export.map.toCloudStorage(ee.Image(ELEVATION), bucket="b").start(),
        lambda: ee.data.getFeatureViewTilesKey({"assetId": "a"}),
    ],
)
@pytest.mark.usefixtures("client")
@pytest.mark.timeout(20)
def test_the_client_finds_it_and_hears_so_without_asking_again(ask: Callable[[], Any]) -> None:
    with pytest.raises(ee.EEException, match="The simulator does not have"):
        ask()


@pytest.mark.parametrize("file_format", ["KML", "SHP", "TFRecord"])
def test_other_formats_of_tables_are_refused_by_name(client: Simulator, file_format: str) -> None:
    task = ee.batch.Export.table.toCloudStorage(
        ee.FeatureCollection(f"{PROJECT}/assets/stations"),
        bucket=client.bucket,
        fileNamePrefix="t",
        fileFormat=file_format,
    )

    with pytest.raises(ee.EEException, match="The simulator exports"):
        task.start()


def test_other_files_of_tables_are_refused_by_name(client: Simulator) -> None:
    source = {"uris": [f"gs://{client.bucket}/t.zip"]}

    with pytest.raises(ee.EEException, match="from CSV files only"):
        ee.data.startTableIngestion("", {"name": f"{PROJECT}/assets/made", "sources": [source]})


def test_a_method_of_an_older_version_is_taken_for_that_of_this_one(simulator: Simulator) -> None:
    answer = httpx.get(f"{simulator.earth_engine_url}/v1alpha/{ELEVATION}")

    assert answer.json()["type"] == "IMAGE"
