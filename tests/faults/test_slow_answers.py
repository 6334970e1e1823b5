"""Answers that are read directly and come slowly: others are read meanwhile."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from geesync.adapters.mirror_files import group_sync
from geesync.simulator.simulator import Simulator
from geesync.simulator.wire.faults import Fault
from geesync.simulator.world.pixels import SimAsset, SimFeature
from geesync.step_threads import run_step
from geesync.steps.mirror.fetcher import Fetcher
from tests.story.accounts import HOME, a_band, an_account, an_image
from tests.story.world import AT_HAND, BESIDE, World, a_world

VALUES = np.arange(1600, dtype=np.uint16).reshape(40, 40)
IMAGES = [an_image(f"i{number}", a_band("b", VALUES)) for number in range(4)]
LATER = f"{HOME}/later"


@pytest.fixture(autouse=True)
def sync_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have small files in this process wait for one another for a moment only."""
    monkeypatch.setattr(group_sync, "_LATE_S", 0.1)


def trickling(simulator: Simulator, path: str = "computePixels", **knobs: int) -> Fault:
    """Have an answer come byte by byte."""
    return simulator.faults.add("trickle", path=path, after_bytes=1, seconds=0.05, **knobs)


def fetcher_of(world: World) -> Fetcher:
    """Return the step, which does not wait long for what does not come."""
    fetcher = next(step for step in world.service.steps if isinstance(step, Fetcher))
    fetcher.patience_s = 0.1
    return fetcher


def asked(world: World) -> int:
    return sum(1 for _ in world.simulator.audit.records("compute_pixels"))


def until_one_is_left(world: World) -> None:
    world.enqueue("users/x")
    world.run("discoverer")
    while world.counts()["discovered"] > 2:  # and the folder
        run_step(fetcher_of(world))


@pytest.mark.parametrize(
    "workers",
    [AT_HAND, pytest.param(BESIDE, marks=pytest.mark.slow)],
    ids=["threads", "processes"],
)
def test_what_is_ready_is_read_while_an_answer_trickles(
    workers: dict[str, str], tmp_path: Path
) -> None:
    with (
        Simulator(an_account(*IMAGES)) as simulator,
        a_world(simulator, tmp_path, direct={"reread": "none"}, workers=workers) as world,
    ):
        slow = trickling(simulator, skip=1)
        until_one_is_left(world)
        simulator.world.copy(IMAGES[0].name, LATER)
        world.rescan()
        world.run("discoverer")
        while world.state(LATER) == "discovered":
            assert run_step(fetcher_of(world)).busy
        told = ""
        with capture_logs() as logged:
            for _ in range(3):
                simulator.advance(61)
                told = run_step(fetcher_of(world)).waiting
        left = world.counts()["discovered"]
        slow.seconds = 0
        world.settle()

        assert left == 2
        assert told.startswith("for users/x/i")
        assert [one["event"] for one in logged].count("transfer_slow") == 1
        assert set(world.counts()) == {"verified"}
        assert asked(world) == len(IMAGES) + 1
        assert all(world.is_exact(image.name) for image in (*IMAGES, simulator.world.get(LATER)))


def test_slow_answers_and_others_are_no_more_at_a_time_than_may_be(tmp_path: Path) -> None:
    with (
        Simulator(an_account(*IMAGES)) as simulator,
        a_world(simulator, tmp_path, direct={"reread": "none", "at_once": 2}) as world,
    ):
        slow = trickling(simulator, count=2)
        world.enqueue("users/x")
        world.run("discoverer")
        for _ in range(5):
            run_step(fetcher_of(world))
        began = asked(world)
        slow.seconds = 0
        world.settle()

        assert began == 2
        assert set(world.counts()) == {"verified"}


def test_a_slow_answer_that_a_stop_ends_is_asked_for_again(tmp_path: Path) -> None:
    stop = threading.Event()
    with Simulator(an_account(*IMAGES)) as simulator:
        trickling(simulator)
        with a_world(simulator, tmp_path, direct={"reread": "none"}, stop=stop) as world:
            until_one_is_left(world)
            stop.set()
            run_step(fetcher_of(world))
            left = world.counts()["discovered"]
        with a_world(simulator, tmp_path, direct={"reread": "none"}) as world:
            world.settle()

            assert left == 2
            assert set(world.counts()) == {"verified"}
            assert asked(world) == len(IMAGES) + 1


def test_images_are_read_while_a_table_trickles(tmp_path: Path) -> None:
    rows = [SimFeature(f"{number}", None, {"a": number}) for number in range(30)]
    table = SimAsset(f"{HOME}/t", "TABLE", features=lambda: iter(rows), feature_count=30)
    with (
        Simulator(an_account(table, *IMAGES)) as simulator,
        a_world(simulator, tmp_path, direct={"reread": "none"}) as world,
    ):
        slow = trickling(simulator, "listFeatures")
        until_one_is_left(world)
        left = world.state(table.name)
        slow.seconds = 0
        world.settle()

        assert left == "discovered"
        assert set(world.counts()) == {"verified"}
