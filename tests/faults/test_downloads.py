"""Downloads that fail: none of them costs an export while what is staged is sound."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.conftest import ARCHIVE, Build
from tests.faults.test_refusals import exports_of_each_asset
from tests.story.world import World

IMAGE = f"{ARCHIVE}/c0000/i000001"
MEDIA = r"i000001\.tif.*alt=media"


@pytest.fixture
def staged(build: Build) -> World:
    """Three images, all in the bucket, none on disk yet."""
    world = build(3)
    world.enqueue(ARCHIVE)
    world.run("discoverer", "exporter", "reconciler")
    assert world.counts()["in_bucket"] == 3
    return world


def test_one_download_that_trickles_is_told_and_holds_up_no_other(build: Build) -> None:
    world = build(4, throttle={"silence_s": 1})
    trickle = world.simulator.faults.add(
        "trickle", server="storage", path=MEDIA, after_bytes=5, seconds=0.1
    )
    world.enqueue(ARCHIVE)
    world.run("discoverer", "exporter", "reconciler", "downloader", "verifier")
    counts, told = world.counts(), world.show(IMAGE)
    world.settle()

    assert trickle.fired == 1
    assert counts == {"verified": 5, "in_bucket": 1}
    assert (told["cause"], "too slow" in told["reason"]) == ("transient", True)
    assert world.counts() == {"verified": 6}
    assert exports_of_each_asset(world) == {1}


def test_a_download_that_the_world_refuses_all_day_is_asked_for_less_and_less_often(
    staged: World,
) -> None:
    world = staged
    outage = world.simulator.faults.add(
        "status", server="storage", path=MEDIA, status=503, count=None
    )

    for _ in range(24 * 60):
        world.run("downloader")
        world.simulator.advance(60)
    world.simulator.faults.clear()
    world.settle()

    assert 100 < outage.fired < 1000  # each try of ours is up to four requests
    assert world.counts() == {"verified": 5}
    assert exports_of_each_asset(world) == {1}


@pytest.mark.parametrize("status", [400, 404, 410, 412, 416, 418, 451])
def test_one_odd_answer_to_a_download_costs_no_export(staged: World, status: int) -> None:
    world = staged
    odd = world.simulator.faults.add(
        "status", server="storage", method="GET", path=MEDIA, status=status, body="Odd."
    )

    world.settle()

    assert odd.fired == 1
    assert world.counts() == {"verified": 5}
    assert exports_of_each_asset(world) == {1}


@pytest.mark.parametrize(
    "fault", [{"action": "corrupt", "after_bytes": 200}, {"action": "status", "status": 451}]
)
def test_a_download_that_fails_for_hours_costs_no_export(
    staged: World, fault: dict[str, Any]
) -> None:
    world = staged
    bad = world.simulator.faults.add(server="storage", path=MEDIA, count=None, **fault)
    for _ in range(60):
        world.run()
        world.simulator.advance(60)
    assert bad.fired > 1
    assert world.state(IMAGE) == "in_bucket"

    world.simulator.faults.clear()
    world.settle()

    assert world.counts() == {"verified": 5}
    assert exports_of_each_asset(world) == {1}


def test_a_download_that_never_works_is_told_and_what_is_staged_is_kept(staged: World) -> None:
    world = staged
    world.simulator.faults.add(
        "status", server="storage", path=MEDIA, status=451, body="Not here.", count=None
    )
    world.settle()
    assert world.counts() == {"verified": 4, "quarantined": 1}
    assert "Not here" in world.show(IMAGE)["reason"]

    world.simulator.faults.clear()
    world.steering.retry(world.now())
    world.settle()

    assert world.counts() == {"verified": 5}
    assert exports_of_each_asset(world) == {1}


@pytest.mark.parametrize("status", [400, 403, 503])
def test_what_cannot_be_looked_at_is_not_lost(staged: World, status: int) -> None:
    world = staged
    world.simulator.faults.add("status", server="storage", path=MEDIA, status=404, count=1)
    looks = world.simulator.faults.add(
        "status", server="storage", method="GET", path=r"/o/.*i000001.tif\?", status=status, count=3
    )

    world.settle()

    assert looks.fired
    assert world.counts() == {"verified": 5}
    assert exports_of_each_asset(world) == {1}


def test_what_is_overwritten_in_the_bucket_is_lost(staged: World) -> None:
    world = staged
    name = next(name for name in world.staged() if "i000001" in name)
    strange = world.mirror.parent / "strange"
    strange.write_bytes(b"somebody else's")
    world.simulator.storage.upload(world.simulator.bucket, name, strange, "image/tiff")

    world.settle()

    assert world.counts() == {"verified": 5}
    assert world.exports(IMAGE) == ["disproved", "succeeded"]
