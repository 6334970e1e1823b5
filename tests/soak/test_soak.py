"""The daemon among everything that goes wrong, killed at random moments; small enough to wait."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from geesync.simulator.profiles import HELL
from tests.soak.soak import Plan, Soak


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nothing_is_lost_twice_or_falsely_good_however_often_it_is_killed(tmp_path: Path) -> None:
    profile = replace(HELL, burst_s=0.5, latency_s=0.005)
    plan = Plan(assets=2000, kills=200, profile=profile, seed=4, settle_within_s=500)

    verdict = Soak(plan, tmp_path, print).run()

    assert verdict.kills == plan.kills
    assert verdict.good, verdict
    assert verdict.verified + len(verdict.quarantined) == plan.assets + 2
    assert verdict.deletes
