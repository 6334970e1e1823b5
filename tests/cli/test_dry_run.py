"""``geesync enqueue --dry-run`` tells everything and does nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from geesync.errors import ExitCode
from geesync.simulator.simulator import Simulator
from tests.cli.conftest import Run


def lines(text: str) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    *told, summary = (json.loads(line) for line in text.splitlines())
    return {line["asset"]: line for line in told}, summary["summary"]


def test_it_tells_what_would_be_taken_what_not_and_why(geesync: Run, tmp_path: Path) -> None:
    arguments = ("enqueue", "users/demo", "projects/demo-project", "--exclude", "scenes/", "-n")

    told, summary = lines(geesync(*arguments, "--json").stdout)

    assert told["users/demo/elevation"]["does"] == "take"
    assert told["users/demo/scenes"]["why"] == "excluded by a pattern"
    assert "users/demo/scenes/s0000" not in told
    forest = told["projects/demo-project/assets/forest"]
    assert (forest["does"], forest["parts"]) == ("metadata", 0)
    assert "no export" in forest["why"]
    assert summary["exports"] == sum(line["parts"] for line in told.values())
    assert summary["estimated_from_exports"] == 0
    assert not (tmp_path / "geesync.db").exists()
    assert not (tmp_path / "mirror").exists()


def test_an_outage_in_the_midst_leaves_the_sums_of_what_was_seen_and_says_so(
    geesync: Run, simulator: Simulator
) -> None:
    once = simulator.faults.add("status", path="users/demo/elevation")
    assert geesync("enqueue", "users/demo", "-n").returncode == 0
    assert once.fired == 1
    outage = simulator.faults.add("status", path="users/demo", skip=2, count=None)

    told = geesync("enqueue", "users/demo", "-n")

    simulator.faults.clear()
    assert outage.fired
    assert told.returncode == ExitCode.UNAVAILABLE
    assert told.stdout.splitlines()[-1].startswith("partial: Earth Engine answers no more")
    assert len(told.stderr.splitlines()) == 1


def test_what_is_verified_on_disk_costs_nothing(geesync: Run) -> None:
    geesync("enqueue", "users/demo/scenes", "--masks", "none")
    geesync("sync", "--once")

    told, summary = lines(geesync("enqueue", "users/demo/scenes", "-n", "--json").stdout)
    text = geesync("enqueue", "users/demo/scenes", "-n").stdout

    assert {line["does"] for line in told.values()} == {"here"}
    assert summary["exports"] == 0
    assert "0 exports: about 0 s" in text
