from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from geesync.simulator import CALM, HELL, REAL, Profile
from geesync.simulator.ambient import Ambient
from geesync.simulator.profiles import Dice, named


def actions(profile: Profile, calls: int = 2000, seed: int = 1) -> Counter[str]:
    ambient = Ambient(profile, Dice(seed))
    faults = [ambient("POST", "/v1/projects/p/image:export") for _ in range(calls)]
    return Counter(fault.action for fault in faults if fault is not None)


def test_nothing_goes_wrong_in_the_calm() -> None:
    assert actions(CALM) == {}


def test_some_answers_are_lost() -> None:
    lost = actions(replace(CALM, lost_responses=0.02))["drop_response"]

    assert 20 <= lost <= 60


def test_failures_come_in_bursts() -> None:
    failed = actions(replace(CALM, failing_calls=0.01, burst_s=3600))

    assert sum(failed.values()) > 1000


def test_calls_that_come_too_fast_are_refused() -> None:
    refused = actions(replace(CALM, calls_per_s=100), calls=150)

    assert refused == {"status": 50}


def test_chance_repeats_for_the_same_seed() -> None:
    profile = replace(CALM, lost_responses=0.5)

    assert actions(profile, seed=3) == actions(profile, seed=3)


def test_hell_is_ten_times_as_bad_as_real() -> None:
    assert HELL.lost_responses == pytest.approx(REAL.lost_responses * 10)
    assert list(HELL.list_lag_s) == [0, 50]
    assert HELL.run_s == REAL.run_s


def test_profiles_go_by_name() -> None:
    assert [named(name).name for name in ("calm", "real", "hell")] == ["calm", "real", "hell"]
    with pytest.raises(ValueError, match="no profile 'nice'"):
        named("nice")
