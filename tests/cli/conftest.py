"""The command line, as a person runs it, against a simulated account."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from geesync.simulator.simulator import Simulator
from tests import commands
from tests.web.ledgers import Story, open_story


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    """A ledger of which nothing was told yet."""
    told = open_story(tmp_path)
    yield told
    told.database.close()


Run = Callable[..., CompletedProcess[str]]


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator("small", speed=3600) as running:
        yield running


@pytest.fixture
def geesync(tmp_path: Path, simulator: Simulator) -> Run:
    """Run ``geesync`` in its own process, with a configuration in tmp_path."""
    (tmp_path / "geesync.toml").write_text(
        f"""\
ledger = "{tmp_path}/geesync.db"
mirror = "{tmp_path}/mirror"
bucket = "{simulator.bucket}"
way = "bucket"
[earth_engine]
project = "{simulator.project}"
url = "{simulator.earth_engine_url}"
[storage]
url = "{simulator.storage_url}"
[throttle]
requests_per_s = 1000
reserve = 0
[schedule]
reconcile = "0.2s"
[workers]
executor = "threads"
"""
    )
    clean = {k: v for k, v in os.environ.items() if not k.startswith("GEESYNC_")}
    environment = clean | {"GEESYNC_CONFIG": str(tmp_path / "geesync.toml"), "NO_COLOR": "1"}

    def run(*arguments: str, real: bool = False, **variables: str) -> CompletedProcess[str]:
        return commands.run(*arguments, env=environment | variables, real=real)

    return run
