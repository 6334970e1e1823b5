"""The simulator, and the real clients pointed at it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import ee
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from geesync.simulator import CALM, Simulator

ELEVATION = "projects/earthengine-legacy/assets/users/demo/elevation"

Body = dict[str, Any]


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator("small") as running:
        yield running


@pytest.fixture
def connect() -> Iterator[Callable[[Simulator], None]]:
    """Point the Earth Engine client, whose state is the process's, at a simulator."""

    def initialize(simulator: Simulator) -> None:
        ee.Initialize(
            AnonymousCredentials(), project=simulator.project, url=simulator.earth_engine_url
        )
        ee.data.setMaxRetries(0)

    yield initialize
    ee.Reset()


@pytest.fixture
def start(connect: Callable[[Simulator], None]) -> Iterator[Callable[..., Simulator]]:
    """Start a calm simulator with some knobs turned, and connect the client to it."""
    running: list[Simulator] = []

    def start(scenario: str = "small", **knobs: Any) -> Simulator:
        simulator = Simulator(scenario, profile=replace(CALM, **knobs)).start()
        running.append(simulator)
        connect(simulator)
        return simulator

    yield start
    for simulator in running:
        simulator.stop()


@pytest.fixture
def earth_engine(simulator: Simulator, connect: Callable[[Simulator], None]) -> Any:
    """The unmodified client, initialized."""
    connect(simulator)
    return ee.data


@pytest.fixture
def bucket(simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[storage.Bucket]:
    """The bucket, seen with the unmodified client."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", simulator.storage_url)
    client = storage.Client(project=simulator.project, credentials=AnonymousCredentials())
    yield client.bucket(simulator.bucket)
    client.close()


@pytest.fixture
def export_body(simulator: Simulator) -> Callable[..., Body]:
    """Make bodies of image exports."""

    def body(prefix: str = "out", asset: str = ELEVATION, **fields: Any) -> Body:
        return {
            "expression": load_image(asset),
            "description": prefix,
            "fileExportOptions": {
                "fileFormat": "GEO_TIFF",
                "cloudStorageDestination": {
                    "bucket": simulator.bucket,
                    "filenamePrefix": prefix,
                },
            },
            **fields,
        }

    return body


@pytest.fixture
def run_earthengine(simulator: Simulator, tmp_path: Path) -> Callable[..., str]:
    """Run the ``earthengine`` command and return what it prints."""
    key = simulator.write_credentials(tmp_path / "key.json")
    tool = Path(sys.executable).with_name("earthengine")
    environment = {
        "HOME": str(tmp_path),
        "PATH": os.environ["PATH"],
        "STORAGE_EMULATOR_HOST": simulator.storage_url,
    }

    def run(*arguments: str) -> str:
        login = ("--service_account_file", str(key), "--project", simulator.project)
        done = subprocess.run(
            [tool, *login, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def load_image(asset: str) -> Body:
    """Return the graph of ``ee.Image(asset)``."""
    argument = {"id": {"constantValue": asset}}
    call = {"functionName": "Image.load", "arguments": argument}
    return {"result": "0", "values": {"0": {"functionInvocationValue": call}}}


@pytest.fixture(scope="module")
def shared_simulator() -> Iterator[Simulator]:
    """One simulator for all tests of a module, with the client connected: for what only asks."""
    with Simulator("small") as running:
        ee.Initialize(AnonymousCredentials(), project=running.project, url=running.earth_engine_url)
        ee.data.setMaxRetries(0)
        yield running
    ee.Reset()
