"""Few files can be opened, or many are: every step waits or works, and says what holds it up."""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from geesync.adapters.transfer import curl_loop as wire
from geesync.simulator import Simulator
from tests.faults.conditions import run
from tests.faults.conftest import ARCHIVE
from tests.story.world import a_world

SCRIPT = Path(__file__).with_name("descriptors_script.py")
CHANGED = f"{ARCHIVE}/c0000/i000001"


def test_a_process_that_can_open_no_file_waits_and_counts_nothing_against_an_asset(
    tmp_path: Path,
) -> None:
    with Simulator("thousands:3") as simulator:
        with a_world(simulator, tmp_path) as world:
            world.enqueue(ARCHIVE)
            config = world.config.model_dump(mode="json", exclude={"schedule", "throttle"})
            config["throttle"] = {"requests_per_s": 100_000, "submit_wait": "0s", "reserve": 0}

        done = run(sys.executable, SCRIPT, json.dumps(config), CHANGED)

        told = [line for line in done.stdout.splitlines() if "Too many open files" in line]
        assert {line.partition(":")[0] for line in told} >= {"downloader", "verifier", "sampler"}
        with a_world(simulator, tmp_path) as world:
            history = world.history(CHANGED)
            assert world.counts() == {"verified": 5}
            since = history[history.index("SourceChanged") :]
            assert "Delayed" in since
            # How often it waits depends on which connections are still open.
            assert [event for event in since if event != "Delayed"] == [
                *("SourceChanged", "ExportStarted", "ExportsSucceeded"),
                *("DownloadFinished", "CheckPassed"),
            ]
            assert world.accepted(CHANGED) == 2
            assert not list(world.mirror.rglob("*.part"))


@pytest.fixture
def _many_are_open() -> Iterator[None]:
    """Hold so many descriptors that no other has a number which select(2) knows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    taken = [os.dup(2) for _ in range(1100)]
    yield
    for descriptor in taken:
        os.close(descriptor)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("_many_are_open")
def test_a_process_with_more_than_a_thousand_open_files_downloads_and_does_not_spin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = 0
    turn = wire._Loop.turn

    def counted(loop: wire._Loop) -> None:
        nonlocal turns
        turns += 1
        turn(loop)

    monkeypatch.setattr(wire._Loop, "turn", counted)
    with Simulator("thousands:3") as simulator, a_world(simulator, tmp_path) as world:
        slow = simulator.faults.add(
            "delay", server="storage", path="alt=media", seconds=0.5, count=None
        )
        world.enqueue(ARCHIVE)

        world.settle()

        assert slow.fired >= 3
        assert world.counts() == {"verified": 5}
        assert turns < 1_000
