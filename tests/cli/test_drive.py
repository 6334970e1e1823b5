"""Mirroring through Drive, from the command line."""

from __future__ import annotations

from pathlib import Path

from geesync.errors import ExitCode
from geesync.simulator.simulator import Simulator
from tests.cli.conftest import Run


def test_a_root_comes_home_through_drive_by_processes_beside(
    geesync: Run, simulator: Simulator
) -> None:
    assert geesync("enqueue", "users/demo/elevation", "--way", "drive").returncode == 0

    synced = geesync("sync", "--once")

    assert synced.returncode == 0, synced.stderr
    exports = simulator.audit.records("export")
    assert {one.details["destination"] for one in exports} == {"https://drive.google.com/"}


def test_a_service_account_is_told_that_it_has_no_drive(
    geesync: Run, simulator: Simulator, tmp_path: Path
) -> None:
    key = simulator.write_credentials(tmp_path / "key.json", email="me@demo.example")

    refused = geesync(
        *("enqueue", "users/demo", "--way", "drive"), GEESYNC_EARTH_ENGINE__CREDENTIALS=str(key)
    )

    assert refused.returncode == ExitCode.PERMISSION
    assert "a service account me@demo.example has none: a person has to log in" in refused.stderr
    assert not (tmp_path / "geesync.db").exists()
