"""``geesync enqueue --dry-run`` tells everything and does nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from geesync.errors import ExitCode
from geesync.simulator.simulator import Simulator
from tests.cli.conftest import Run
from tests.story.accounts import a_band, an_image


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
    assert (forest["does"], forest["way"], forest["tasks"]) == ("metadata", None, 0)
    assert "no export" in forest["why"]
    assert summary["exports"] == sum(line["tasks"] for line in told.values()) > 0
    assert summary["bucket"]["estimated_from_exports"] == 0
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
    assert "nothing to fetch: about 0 s" in text


def test_it_tells_what_each_way_would_cost_and_which_one_is_taken(
    geesync: Run, simulator: Simulator
) -> None:
    values = np.zeros((600, 700), np.uint8)
    wide = an_image("wide", *(a_band(f"b{n}", values) for n in range(150)))
    simulator.world.put(replace(wide, name="projects/demo-project/assets/wide"))
    ask = ("enqueue", "projects/demo-project", "-n", "--way", "auto")
    costs = {"GEESYNC_DIRECT__MOST_ANSWERS": "1", "GEESYNC_DIRECT__AT_ONCE": "4"}

    told, summary = lines(geesync(*ask, "--json", **costs).stdout)
    text = geesync(*ask, **costs).stdout

    large = told["projects/demo-project/assets/wide"]
    assert (large["way"], large["tasks"]) == ("bucket", 1)
    assert large["requests"] > 1
    direct = [line for line in told.values() if line["way"] == "direct"]
    assert summary["ways"] == {"direct": len(direct), "bucket": 1}
    assert (summary["requests"], summary["exports"]) == (sum(x["requests"] for x in direct), 1)
    assert summary["direct"]["requests"] == summary["requests"] + large["requests"]
    assert summary["direct"]["answer_bytes"] > large["answer_bytes"] >= 150 * values.size
    assert summary["direct"]["estimated_s"] == summary["direct"]["requests"] * 2 / 4
    assert summary["direct"]["estimated_from_answers"] == 0
    assert "EECU-hours (1 EECU-s an answer, from settings)" in text
    assert summary["bucket"]["exports"] == sum(line["tasks"] for line in told.values())
    assert f"so         1 asset by the bucket, {len(direct)} assets directly: about" in text
    assert geesync(*ask, GEESYNC_BUCKET="", **costs).stdout.count("by the bucket") == 0
