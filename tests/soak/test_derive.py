"""A person's job, killed at random moments among everything that goes wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from geesync.simulator.profiles import HELL
from tests.soak.derive import DeriveSoak
from tests.soak.soak import Plan


@pytest.mark.timeout(900)
@pytest.mark.slow
@pytest.mark.parametrize(("images", "kills"), [(9, 4), (501, 100)])
def test_each_result_is_made_once_and_right_however_often_it_is_killed(
    tmp_path: Path, images: int, kills: int
) -> None:
    profile = replace(HELL, burst_s=0.5, latency_s=0.002)
    plan = Plan(assets=images, kills=kills, profile=profile, seed=7, settle_within_s=500)
    soak = DeriveSoak(plan, tmp_path, print)

    soak.run()

    verdict = soak.derived
    assert verdict.kills == kills
    assert verdict.states == {"made": images - 1}, verdict
    assert not verdict.made_twice
    assert not verdict.again
    assert not verdict.wrong
    assert not verdict.bugs
