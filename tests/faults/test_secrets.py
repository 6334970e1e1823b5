"""Secrets stay where they are: a noisy run leaves no trace of the key or of a token anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from geesync.simulator import Simulator
from tests.faults.conftest import ARCHIVE
from tests.service.daemon_process import Place, eventually

EMAIL = "mirror-robot@demo-project.iam.gserviceaccount.com"


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator("thousands:4", speed=3600) as running:
        yield running


def test_no_secret_is_left_anywhere_by_a_noisy_run(simulator: Simulator, tmp_path: Path) -> None:
    secrets_folder = tmp_path / "secrets"
    secrets_folder.mkdir()
    key = simulator.write_credentials(secrets_folder / "key.json", email=EMAIL)
    place_folder = tmp_path / "place"
    place_folder.mkdir()
    place = Place(place_folder, simulator)
    place.write_config(earth_engine=f'credentials = "{key}"', log='level = "debug"')
    noise = [
        simulator.faults.add("status", path="image:export", status=401, count=1),
        simulator.faults.add("html", path="operations", status=502, count=2),
        simulator.faults.add("reset", server="storage", count=2),
    ]

    told = place.geesync("enqueue", ARCHIVE)
    with place.daemon():
        eventually(lambda: place.log.read_text().count("CheckPassed") == 6)
        eventually(lambda: all(fault.fired for fault in noise))
        told += place.geesync("status", "--json", "--exit-zero")
        told += place.geesync("config", "show")

    written = b"".join(path.read_bytes() for path in place_folder.rglob("*") if path.is_file())
    private = json.loads(key.read_text())["private_key"].splitlines()[1:-1]
    for secret in (*private, "ya29.", "Bearer", "assertion=", "PRIVATE KEY"):
        assert secret.encode() not in written
        assert secret not in told
