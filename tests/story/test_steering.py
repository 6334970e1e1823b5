"""What a person says is done: pause, resume, cancel, priority."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from geesync.simulator.profiles import CALM, always
from geesync.simulator.simulator import Simulator
from geesync.store.browsing.listing import Which, listed
from geesync.store.copies.checks import Checks, Scope
from geesync.store.views import status as views
from tests.story.accounts import HOME, a_band, an_account, an_image
from tests.story.world import World, a_world

VALUES = np.arange(108).reshape(9, 12).astype("uint8")
IMAGES = 3


@contextmanager
def three_images(folder: Path, **throttle: Any) -> Iterator[World]:
    account = an_account(*(an_image(f"img{n}", a_band("b", VALUES)) for n in range(IMAGES)))
    slow = replace(CALM, run_s=always(600))
    with (
        Simulator(account, profile=slow) as simulator,
        a_world(simulator, folder, **throttle) as world,
    ):
        world.enqueue("users/x")
        world.run("discoverer")
        yield world


def operations(world: World, name: str) -> list[str]:
    """Return the states of the exports of an asset."""
    told: Any = world.show(f"{HOME}/{name}")["exports"]
    return [export["state"] for export in told]


def test_what_is_paused_begins_nothing_new_and_what_runs_is_followed(tmp_path: Path) -> None:
    with three_images(tmp_path, max_operations=1) as world:
        world.run("exporter")
        world.service.roots.pause(None, world.now())
        for _ in range(20):
            world.simulator.advance(60)
            world.run()

        assert world.simulator.audit.count("export") == 1
        assert world.counts() == {"discovered": 2, "in_bucket": 1, "downloaded": 1}
        assert views.is_quiet(world.config.ledger, now=world.now())

        world.service.roots.resume(None, world.now())
        world.settle()
        assert world.counts() == {"verified": IMAGES + 1}


def test_one_root_can_be_paused_alone_and_status_says_so(tmp_path: Path) -> None:
    with three_images(tmp_path) as world:
        (root,) = world.service.roots.active()
        world.service.roots.pause(root.name, world.now())
        world.run()

        assert world.status().roots[0].paused
        assert not world.status().paused
        assert world.simulator.audit.count("export") == 0

        world.service.roots.resume(root.name, world.now())
        world.settle()
        assert world.counts() == {"verified": IMAGES + 1}


def test_a_cancelled_asset_is_cancelled_at_earth_engine_too_and_stays_so(tmp_path: Path) -> None:
    with three_images(tmp_path) as world:
        world.run("exporter")

        assert world.steering.cancel(f"{HOME}/img1", world.now()) == 1

        world.settle()
        assert world.counts() == {"verified": IMAGES, "quarantined": 1}
        assert operations(world, "img1") == ["cancelled"]
        assert world.show(f"{HOME}/img1")["cause"] == "cancelled"


def test_a_cancelled_asset_is_asked_for_anew_when_it_is_retried(tmp_path: Path) -> None:
    with three_images(tmp_path) as world:
        world.run("exporter")
        world.steering.cancel(f"{HOME}/img1", world.now())
        world.settle()

        world.steering.retry(world.now(), names=[f"{HOME}/img1"])

        world.settle()
        assert world.counts() == {"verified": IMAGES + 1}
        assert operations(world, "img1") == ["cancelled", "succeeded"]


def test_cancelling_a_root_cancels_all_below_it_and_not_its_namesake(tmp_path: Path) -> None:
    account = an_account(*(an_image(name, a_band("b", VALUES)) for name in ("a", "ab", "a0")))
    with Simulator(account) as simulator, a_world(simulator, tmp_path) as world:
        world.enqueue("users/x")
        world.run("discoverer")

        assert world.steering.cancel(f"{HOME}/a", world.now()) == 1
        assert world.steering.cancel(HOME, world.now()) == 3


def test_what_is_named_is_taken_with_all_below_it_and_no_namesake(tmp_path: Path) -> None:
    account = an_account(*(an_image(name, a_band("b", VALUES)) for name in ("a", "ab", "a0")))
    with Simulator(account) as simulator, a_world(simulator, tmp_path) as world:
        world.enqueue("users/x")
        world.settle()

        assert Checks(world.database).count(Scope(f"{HOME}/a")) == 1
        assert [one.name for one in listed(world.config.ledger, Which(f"{HOME}/a"))] == [
            f"{HOME}/a"
        ]


def test_the_highest_priority_comes_first(tmp_path: Path) -> None:
    with three_images(tmp_path, max_operations=1) as world:
        world.steering.prioritize(f"{HOME}/img2", 5)

        world.run("exporter")

        assert operations(world, "img2") == ["running"]
        assert operations(world, "img0") == operations(world, "img1") == []


def test_what_is_found_later_takes_the_priority_of_its_container(tmp_path: Path) -> None:
    account = an_account()
    with Simulator(account) as simulator, a_world(simulator, tmp_path) as world:
        world.enqueue("users/x")
        world.run("discoverer")
        (root,) = world.service.roots.active()
        world.service.roots.update(root.id, options='{"priority": 7}')
        simulator.world.put(an_image("late", a_band("b", VALUES)))
        world.service.roots.scan_all(world.now())

        world.run("discoverer")

        assert world.show(f"{HOME}/late")["priority"] == 7
