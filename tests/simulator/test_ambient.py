from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from geesync.simulator import CALM, HELL, REAL, Profile
from geesync.simulator.clock import SimClock
from geesync.simulator.profiles import Dice, named
from geesync.simulator.wire.ambient import Ambient


def actions(profile: Profile, calls: int = 2000, seed: int = 1) -> Counter[str]:
    ambient = Ambient(profile, Dice(seed), SimClock())
    faults = [ambient("POST", "/v1/projects/p/image:export") for _ in range(calls)]
    return Counter(fault.action for fault in faults if fault is not None)


def test_nothing_goes_wrong_in_the_calm() -> None:
    assert actions(CALM) == {}


def test_some_answers_are_lost() -> None:
    lost = actions(replace(CALM, lost_responses=0.02))

    assert set(lost) == {"drop_response", "replace_response"}
    assert 20 <= lost.total() <= 60


def test_failures_come_in_bursts() -> None:
    failed = actions(replace(CALM, failing_calls=0.01, burst_s=3600))

    assert sum(failed.values()) > 1000


def test_failures_are_of_every_kind_and_repeat_for_the_same_seed() -> None:
    profile = replace(CALM, failing_calls=0.5, burst_s=0)  # each burst is one call

    first, second = failures(profile, seed=1), failures(profile, seed=1)

    assert first == second
    assert first != failures(profile, seed=2)
    assert set(first) == {
        *(("status", status) for status in (429, 500, 503)),
        *(("html", status) for status in (502, 200)),
        ("reset", 503),
    }


def failures(profile: Profile, seed: int) -> list[tuple[str, int]]:
    ambient = Ambient(profile, Dice(seed), SimClock())
    faults = [ambient("GET", "/v1/projects/p/operations") for _ in range(300)]
    return [(fault.action, fault.status) for fault in faults if fault is not None]


def test_a_burst_ends_with_the_simulated_time() -> None:
    clock = SimClock()
    ambient = Ambient(replace(CALM, failing_calls=0.01), Dice(1), clock)
    calls = 0
    while ambient("GET", "/") is None:
        calls += 1

    during = [ambient("GET", "/") for _ in range(20)]
    clock.advance(60)
    after = [ambient("GET", "/") for _ in range(20)]

    assert calls > 0
    assert sum(fault is not None for fault in during) > 10
    assert after[0] is None


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
