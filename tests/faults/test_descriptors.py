"""No file can be opened any more: every step waits, says why, and goes on by itself."""

from __future__ import annotations

import json
import sys
from pathlib import Path

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
            assert history[history.index("SourceChanged") :] == [
                *("SourceChanged", "ExportStarted", "ExportsSucceeded"),
                *("Delayed", "DownloadFinished", "Delayed", "CheckPassed"),
            ]
            assert world.accepted(CHANGED) == 2
            assert not list(world.mirror.rglob("*.part"))
