"""A service manager's socket, an account, and a place to run the daemon in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from geesync.simulator.simulator import Simulator

from .daemon_process import Manager, Place


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    heard = Manager(str(tmp_path / "notify"))
    yield heard
    heard.close()


@pytest.fixture
def busy_account() -> Iterator[Simulator]:
    with Simulator("small", speed=7200.0) as running:
        yield running


@pytest.fixture
def place(tmp_path: Path, busy_account: Simulator) -> Place:
    return Place(tmp_path, busy_account)
