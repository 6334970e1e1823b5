"""A simulated Google, and the adapters that talk to it without losing time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials

from geesync.adapters.earth_engine.earth_engine import EarthEngine
from geesync.adapters.google.pacing import Pacer
from geesync.adapters.storage.bucket import Storage
from geesync.domain.mirror.coverage import StoredObject
from geesync.simulator.simulator import Simulator


def patient(tries: int = 3) -> Pacer:
    """Return a pacer that repeats without waiting."""
    return Pacer(requests_per_s=1e9, tries=tries, sleep=lambda _: None)


def connected(
    simulator: Simulator, *, tries: int = 3, timeout_s: float = 30.0, credentials: Any = None
) -> EarthEngine:
    """Return Earth Engine's adapter, pointed at a simulator."""
    return EarthEngine(
        project=simulator.project,
        credentials=credentials or AnonymousCredentials(),
        pacer=patient(tries),
        submits=patient(1),
        url=simulator.earth_engine_url,
        timeout_s=timeout_s,
    )


@pytest.fixture(scope="session")
def calm() -> Iterator[Simulator]:
    with Simulator("small") as simulator:
        yield simulator


@pytest.fixture
def simulator(calm: Simulator) -> Iterator[Simulator]:
    """The calm service; whatever trouble a test makes ends with it."""
    yield calm
    calm.faults.clear()


@pytest.fixture
def earth_engine(simulator: Simulator) -> EarthEngine:
    return connected(simulator)


@pytest.fixture
def storage(simulator: Simulator) -> Storage:
    return Storage(
        project=simulator.project,
        credentials=AnonymousCredentials(),
        pacer=patient(),
        url=simulator.storage_url,
        timeout_s=30,
    )


Put = Callable[..., StoredObject]


@pytest.fixture
def put(simulator: Simulator, storage: Storage, tmp_path: Path) -> Put:
    """Write an object as Earth Engine would, and return it as it is listed."""

    def write(name: str, content: bytes) -> StoredObject:
        file = tmp_path / "content"
        file.write_bytes(content)
        simulator.storage.upload(simulator.bucket, name, file, "image/tiff")
        return next(o for o in storage.list_objects(simulator.bucket, name) if o.name == name)

    return write
