"""A project has used up its compute of the day: nothing is lost, nothing counts, all resumes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geesync.simulator import CALM, always
from geesync.simulator.simulator import Simulator
from geesync.simulator.tasks.operation import State
from geesync.step_threads import run_step
from tests.story.accounts import HOME, a_band, an_account, an_image
from tests.story.world import World, a_world

VALUES = np.arange(108).reshape(9, 12).astype("uint8")
IMAGES = 8
DAILY = "daily_eecu_usage_time"
#: A minute of running costs some 45 EECU seconds: three exports a day, and a fourth that begins.
KNOBS: dict[str, Any] = {"run_s": always(60), "daily_eecu_s": 130.0, "midnight_utc_h": 8.0}


def failures(world: World) -> int:
    with world.database.read() as connection:
        return int(connection.exec_driver_sql("SELECT sum(failures) FROM asset").scalar_one())


def pass_time(world: World, hours: float, every_min: float, watched: str = "exporter") -> list[str]:
    """Run all steps now and then; return why one of them waited."""
    reasons = []
    for _ in range(round(hours * 60 / every_min)):
        for step in world.service.steps:
            tally = run_step(step)
            if step.name == watched:
                reasons.append(tally.waiting)
        world.simulator.advance(60 * every_min)
    return reasons


@pytest.mark.parametrize(
    ("refuses", "status"),
    [("submissions", 429), ("submissions", 403), ("submissions", 400), ("operations", 0)],
)
def test_the_exports_of_a_day_stop_and_go_on_after_midnight(
    tmp_path: Path, refuses: Any, status: int
) -> None:
    profile = replace(CALM, **KNOBS, eecu_refuses=refuses, eecu_status=status)
    account = an_account(*(an_image(f"img{n:02}", a_band("b", VALUES)) for n in range(IMAGES)))
    with (
        Simulator(account, profile=profile) as simulator,
        a_world(simulator, tmp_path, max_operations=2) as world,
    ):
        calls = simulator.faults.add("delay", path="image:export", count=None)  # it only counts
        world.enqueue("users/x")

        waited = pass_time(world, 7.5, every_min=30)
        troubles = world.status().troubles
        first_day, asked = len(simulator.operations.all(State.SUCCEEDED)), calls.fired
        pass_time(world, 1, every_min=20)
        second_day = len(simulator.operations.all(State.SUCCEEDED))

        assert 3 <= first_day <= 4
        assert DAILY in waited[-1]
        assert DAILY in str(troubles)
        assert asked <= first_day + 30  # a probe now and then, not one for each asset
        assert first_day < second_day <= 2 * first_day + 1
        assert failures(world) == 0

        pass_time(world, 2 * 24, every_min=120)
        assert world.counts() == {"verified": IMAGES + 1}
        assert failures(world) == 0
        assert all(world.is_exact(f"{HOME}/img{n:02}") for n in range(IMAGES))


@pytest.mark.parametrize("status", [429, 403, 400])
def test_what_is_read_directly_stops_and_goes_on_after_midnight(
    tmp_path: Path, status: int
) -> None:
    knobs: dict[str, Any] = {"direct_eecu_s": 45.0, "daily_eecu_s": 130.0, "eecu_status": status}
    account = an_account(*(an_image(f"img{n:02}", a_band("b", VALUES)) for n in range(IMAGES)))
    with (
        Simulator(account, profile=replace(CALM, **knobs)) as simulator,
        a_world(simulator, tmp_path, direct={"reread": "none", "at_once": 1}) as world,
    ):
        world.enqueue("users/x")

        waited = pass_time(world, 7.5, every_min=30, watched="fetcher")
        first_day = world.counts()["verified"]
        pass_time(world, 3 * 24, every_min=120)

        assert DAILY in waited[-1]
        assert first_day == 1 + 3
        assert world.counts() == {"verified": IMAGES + 1}
        assert failures(world) == 0
        assert all(world.is_exact(f"{HOME}/img{n:02}") for n in range(IMAGES))
