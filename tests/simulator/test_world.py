from __future__ import annotations

from dataclasses import replace

import pytest

from geesync.simulator.clock import SimClock, parse_rfc3339
from geesync.simulator.refusals import CallRefused
from geesync.simulator.scenarios import load_scenario
from geesync.simulator.world.pixels import SimAsset
from geesync.simulator.world.world import World

ROOT = "projects/earthengine-legacy/assets/users/demo"
SCENES = f"{ROOT}/scenes"


@pytest.fixture
def world() -> World:
    return World(load_scenario("small"), SimClock())


def child_names(world: World, parent: str) -> list[str]:
    return [child.name for child in world.children(parent)[0]]


def test_a_change_moves_the_update_time_even_while_the_clock_stands_still(world: World) -> None:
    before = world.get(SCENES)

    first = world.touch(SCENES)
    second = world.touch(SCENES)

    times = [parse_rfc3339(asset.update_time) for asset in (before, first, second)]
    assert times[0] < times[1] < times[2]


def test_pages_neither_repeat_nor_skip_while_assets_come_and_go(world: World) -> None:
    first, following = world.children(SCENES, limit=1)
    assert following is not None

    world.delete(first[0].name)
    world.put(replace(first[0], name=f"{SCENES}/new"))
    rest, end = world.children(SCENES, following)

    assert [asset.name.rpartition("/")[2] for asset in rest] == ["s0001", "s0002", "new"]
    assert end is None


def test_a_deleted_asset_can_come_back(world: World) -> None:
    asset = world.get(f"{SCENES}/s0001")
    world.delete(asset.name)

    world.put(asset)

    assert child_names(world, SCENES) == [f"{SCENES}/s000{n}" for n in range(3)]


def test_a_full_container_is_not_deleted(world: World) -> None:
    with pytest.raises(CallRefused):
        world.delete(SCENES)

    world.delete(SCENES, recursive=True)
    assert world.find(f"{SCENES}/s0000") is None


def test_a_move_takes_everything_below_along(world: World) -> None:
    world.set_policy(SCENES, {"bindings": [{"role": "roles/viewer", "members": ["allUsers"]}]})

    world.move(SCENES, f"{ROOT}/deep/moved")

    assert len(child_names(world, f"{ROOT}/deep/moved")) == 3
    assert world.find(SCENES) is None
    assert world.policy(f"{ROOT}/deep/moved")["bindings"]


def test_an_asset_needs_a_container_above_it(world: World) -> None:
    with pytest.raises(CallRefused) as absent:
        world.put(SimAsset(f"{ROOT}/nowhere/a", "FOLDER"))
    with pytest.raises(CallRefused) as no_container:
        world.put(SimAsset(f"{ROOT}/elevation/a", "FOLDER"))

    assert (absent.value.status, no_container.value.status) == (404, 400)


def test_usage_follows_changes(world: World) -> None:
    before = world.usage(ROOT)

    world.delete(f"{ROOT}/elevation")

    after = world.usage(ROOT)
    assert (before.assets - after.assets, before.size_bytes - after.size_bytes) == (1, 5734)


def test_a_huge_account_is_paged_without_being_held() -> None:
    world = World(load_scenario("million"), SimClock())
    collection = "projects/demo-project/assets/archive/c0999"

    page, following = world.children(collection, after=998, limit=1)

    assert page[0].name == f"{collection}/i000998"
    assert following == 999
