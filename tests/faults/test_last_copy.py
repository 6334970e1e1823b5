"""What is complete in the bucket comes home, or is swept; none is left, none is paid for twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from geesync.simulator.profiles import CALM
from geesync.simulator.world.pixels import SimAsset
from tests.faults.conftest import ARCHIVE, Build
from tests.faults.test_refusals import exports_of_each_asset
from tests.story.world import World

#: Answers that were lost stay lost, and no listing ever shows what was started.
HIDDEN = replace(CALM, duplicates="refuse", list_lag_s=(10**7, 10**7))
IMAGE = f"{ARCHIVE}/c0000/i000001"


@pytest.fixture
def staged(build: Build) -> World:
    """Three images, all in the bucket; downloads fail."""
    world = build(3)
    world.enqueue(ARCHIVE)
    world.simulator.faults.add("status", server="storage", path="alt=media", count=None)
    world.run("discoverer", "exporter", "reconciler")
    assert world.counts()["in_bucket"] == 3
    return world


def rest(world: World) -> None:
    """Let an hour pass, several times, with all steps."""
    for _ in range(4):
        world.settle()
        world.simulator.advance(3700)
        world.rescan()
    world.run()


def test_what_vanishes_while_its_copy_is_staged_comes_home_first(staged: World) -> None:
    world = staged
    world.simulator.world.delete(IMAGE)
    world.rescan()
    world.run()
    assert world.state(IMAGE) == "in_bucket"

    world.simulator.faults.clear()
    rest(world)

    assert world.history(IMAGE)[-2:] == ["CheckPassed", "SourceGone"]
    assert world.state(IMAGE) == "gone"
    assert len(world.files(IMAGE)) == 1
    assert exports_of_each_asset(world) == {1}
    assert world.staged() == []


def test_a_collection_that_vanishes_is_gone_when_its_last_image_is_home(staged: World) -> None:
    world = staged
    for name in [f"{ARCHIVE}/c0000/i00000{number}" for number in range(3)]:
        world.simulator.world.delete(name)
    world.simulator.world.delete(f"{ARCHIVE}/c0000")
    world.simulator.world.put(SimAsset(f"{ARCHIVE}/other", "FOLDER"))  # else it looks empty
    world.rescan()
    world.run()
    assert world.counts().get("gone", 0) == 0

    world.simulator.faults.clear()
    rest(world)

    assert world.counts() == {"verified": 2, "gone": 4}
    assert len(list(world.mirror.rglob("*.tif"))) == 3
    assert world.staged() == []


def test_what_a_person_cancelled_is_swept_and_exported_again_when_it_is_wanted(
    staged: World,
) -> None:
    world = staged
    world.steering.cancel(IMAGE, world.now())
    world.simulator.faults.clear()
    rest(world)
    assert world.counts() == {"verified": 4, "quarantined": 1}
    assert world.staged() == []

    world.steering.retry(world.now())
    world.settle()

    assert world.counts() == {"verified": 5}
    assert world.accepted(IMAGE) == 2


def test_what_a_quarantined_asset_left_that_is_no_good_is_swept(build: Build) -> None:
    world = build(2)
    world.simulator.faults.add(
        "corrupt", server="storage", path="i000001.tif.*alt=media", after_bytes=300, count=None
    )
    world.enqueue(ARCHIVE)

    rest(world)

    assert world.counts() == {"verified": 3, "quarantined": 1}
    assert world.staged() == []


def test_an_ask_that_never_showed_is_not_lost_if_its_files_are_there(build: Build) -> None:
    world = build(3, profile=HIDDEN)
    world.enqueue(ARCHIVE)
    world.run("discoverer")
    lost = world.simulator.faults.add("drop_response", path="image:export", count=3)
    for _ in range(20):
        world.run("exporter", "reconciler")
        world.simulator.advance(60)
    world.settle()

    assert lost.fired == 3
    assert world.counts() == {"verified": 5}
    assert exports_of_each_asset(world) == {1}
