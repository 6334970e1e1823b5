"""What an answer costs in compute is an estimate, until Cloud Monitoring tells it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from geesync.simulator.profiles import CALM
from geesync.simulator.simulator import Simulator
from geesync.simulator.tasks.compute_quota import Use
from geesync.store.browsing import precedents
from tests.story.accounts import HOME, a_band, an_account, an_image
from tests.story.world import World, a_world

IMAGES = [an_image(f"i{n:02}", a_band("b", np.full((3, 4), n, np.uint8))) for n in range(25)]

Open = Callable[..., AbstractContextManager[World]]


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    """Give what opens a world of 25 images, each an answer of 7.2 EECU-seconds."""

    @contextmanager
    def opening(**knobs: Any) -> Iterator[World]:
        profile = replace(CALM, direct_eecu_s=7.2, **knobs)
        with (
            Simulator(an_account(*IMAGES), profile=profile) as simulator,
            a_world(simulator, tmp_path, direct={"reread": "none"}) as world,
        ):
            world.run("cost_learner")
            simulator.advance(60)
            world.enqueue("users/x")
            world.settle()
            yield world

    return opening


def an_hour_later(world: World) -> None:
    world.simulator.advance(3601)
    world.run("cost_learner")


def compute(world: World) -> str:
    return world.service.brakes.eecu().text


def test_what_cloud_monitoring_tells_takes_the_place_of_the_setting(opened: Open) -> None:
    with opened(metrics_delay_s=3000.0) as world:
        other = Use(world.simulator.project, world.now(), "highvolume", "geesync-another", 1e6)
        world.simulator.operations.compute.add(other)
        before = compute(world)

        an_hour_later(world)
        an_hour_later(world)

        assert before.endswith(
            "0.01 of them an estimate for reading directly (1 EECU-s an answer, from settings)"
        )
        origin = "7.2 EECU-s an answer, learnt from Cloud Monitoring, 25 answers"
        assert compute(world).endswith(f"0.05 of them an estimate for reading directly ({origin})")
        assert str(precedents.cost_of_answers(world.config.ledger, 1.0)) == origin


def test_what_was_learnt_counts_into_the_budget(opened: Open) -> None:
    with opened() as world:
        world.limit(eecu_hours_per_month=0.04)
        an_hour_later(world)
        an_hour_later(world)
        world.simulator.world.put(an_image("late", a_band("b", np.ones((3, 4), np.uint8))))
        world.rescan()

        world.run("discoverer", "fetcher")

        assert world.state(f"{HOME}/late") == "discovered"


@pytest.mark.parametrize("metrics", ["forbidden", "empty"])
def test_where_nothing_may_be_learnt_the_setting_stays_and_it_is_told_once(
    opened: Open, metrics: str
) -> None:
    with opened(metrics=metrics) as world, capture_logs() as logged:
        for number in range(5):
            an_hour_later(world)
            world.simulator.world.put(an_image(f"more{number}", a_band("b", np.ones((3, 4), "u1"))))
            world.rescan()
            world.settle()

    told = [line["reason"] for line in logged if line["event"] == "compute_not_learnt"]
    assert len(told) == 1
    assert ("monitoring.timeSeries.list" in told[0]) == (metrics == "forbidden")
    assert "from settings" in compute(world)


def test_an_outage_of_cloud_monitoring_is_waited_for(opened: Open) -> None:
    with opened() as world:
        world.simulator.faults.add("html", path="timeSeries", status=200)
        for _ in range(3):
            an_hour_later(world)

        assert "learnt from Cloud Monitoring, 25 answers" in compute(world)


def test_nothing_is_asked_while_nothing_is_read(opened: Open) -> None:
    with opened() as world:
        asked = world.simulator.faults.add("delay", path="timeSeries", count=None)  # it only counts

        for _ in range(10):
            an_hour_later(world)

        assert asked.fired == 1
