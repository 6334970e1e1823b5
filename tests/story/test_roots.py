"""What may be watched: a home, a folder, a collection, one asset, and one within the other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from geesync.domain.assets.names import LEGACY
from geesync.simulator.simulator import Simulator
from geesync.steps.discovery.discoverer import Discoverer
from tests.story.world import STEPS, World, a_world

HOME = f"{LEGACY}users/demo"


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator("small") as running:
        yield running


@pytest.fixture
def world(simulator: Simulator, tmp_path: Path) -> Iterator[World]:
    with a_world(simulator, tmp_path) as built:
        yield built


@pytest.mark.parametrize("root", ["users/demo/scenes", "users/demo/scenes/s0001"])
def test_a_root_may_be_a_collection_or_one_image(world: World, root: str) -> None:
    world.enqueue(root)

    world.settle()

    assert set(world.counts()) == {"verified"}
    assert world.is_exact(f"{HOME}/scenes/s0001")


def test_roots_within_roots_mirror_nothing_twice(world: World) -> None:
    before = world.accepted(f"{HOME}/deep/er/landcover")
    for root in ("users/demo/deep", "users/demo", "users/demo/deep/er/landcover"):
        world.enqueue(root)

    world.settle()

    assert world.accepted(f"{HOME}/deep/er/landcover") == before + 1
    assert world.counts() == {"verified": 10}


def test_an_empty_folder_is_mirrored_and_is_no_alarm(world: World) -> None:
    world.enqueue("users/demo/empty")

    world.settle()

    assert world.counts() == {"verified": 1}
    assert world.status().roots[0].alarm is None


def test_two_ledgers_of_one_account_do_not_meet(
    simulator: Simulator, world: World, tmp_path: Path
) -> None:
    with a_world(simulator, tmp_path / "other") as other:
        for one in (world, other):
            one.enqueue("users/demo/elevation")
            one.run("discoverer", "exporter")

        world.settle()
        other.settle()

        assert world.is_exact(f"{HOME}/elevation")
        assert other.is_exact(f"{HOME}/elevation")


@pytest.mark.parametrize("last_step", ["discoverer", "verifier"])
def test_what_a_root_leaves_out_from_now_on_is_the_root_s_below_it(
    world: World, last_step: str
) -> None:
    image = f"{HOME}/deep/er/landcover"
    world.enqueue("users/demo/deep")
    world.run(STEPS[0])
    if last_step == STEPS[-1]:
        world.settle()
    world.enqueue("users/demo/deep", exclude=["er"])
    world.enqueue("users/demo/deep/er")

    world.settle()
    world.simulator.world.touch(image)
    world.rescan()
    world.settle()

    assert world.counts() == {"verified": 3}
    assert world.show(image)["revision"] == world.simulator.world.get(image).update_time


def test_a_root_that_comes_while_another_is_scanned_keeps_what_it_took(world: World) -> None:
    image = f"{HOME}/deep/er/landcover"
    looks = 0

    def below_comes() -> bool:
        nonlocal looks
        looks += 1
        if looks == 2:  # the scan has begun
            world.enqueue("users/demo/deep/er")
            below = world.service.roots.find(f"{HOME}/deep/er")
            assert below
            source = discoverer.earth_engine.get_asset(image)
            discoverer.listing.observe(below.id, [source], world.now())
        return False

    world.enqueue("users/demo")
    discoverer = next(step for step in world.service.steps if isinstance(step, Discoverer))
    discoverer.context.stopping = below_comes

    world.run(discoverer.name)

    above = world.service.roots.find(HOME)
    assert above
    assert above.scanned_at
    world.settle()
    assert world.counts() == {"verified": 10}


def test_what_vanishes_below_a_root_that_was_removed_is_gone_for_the_root_above_it(
    tmp_path: Path,
) -> None:
    image = f"{HOME}/deep/er/landcover"
    with Simulator("small") as account, a_world(account, tmp_path) as world:
        world.enqueue("users/demo/deep/er")
        world.settle()
        below = world.service.roots.find(f"{HOME}/deep/er")
        assert below
        world.service.roots.update(below.id, removed_at=world.now())
        account.world.delete(image)
        world.enqueue("users/demo/deep")

        world.settle()

        assert world.state(image) == "gone"
