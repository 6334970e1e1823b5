"""Downloads that fail: none of them costs an export while what is staged is sound."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from geesync.simulator.simulator import Simulator
from geesync.step_threads import run_step
from geesync.steps.mirror.downloader import Downloader
from tests.faults.conftest import ARCHIVE, Build
from tests.faults.test_refusals import exports_of_each_asset
from tests.story.world import World, a_world

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


def downloader_of(world: World) -> Downloader:
    """Return the step, which does not wait long for what does not come."""
    downloader = next(step for step in world.service.steps if isinstance(step, Downloader))
    downloader.patience_s = 0.1
    return downloader


def test_what_is_ready_is_fetched_while_slow_downloads_run_on(build: Build) -> None:
    world = build(3)
    downloader = downloader_of(world)
    slow = world.simulator.faults.add(
        "trickle",
        server="storage",
        path=r"(i000001|slow\d)\.tif.*alt=media",
        count=4,
        after_bytes=1,
        seconds=0.05,
    )
    world.enqueue(ARCHIVE)
    world.run("discoverer", "exporter", "reconciler")
    while world.counts()["in_bucket"] > 1:
        world.run("downloader")

    *more, later = (f"{ARCHIVE}/c0000/{name}" for name in ("slow1", "slow2", "slow3", "later"))
    with capture_logs() as logged:
        for another in (*more, later):  # each is begun by itself
            world.simulator.world.copy(IMAGE, another)
            world.rescan()
            world.run_until("in_bucket", another)
            world.simulator.advance(61)
            assert run_step(downloader).busy
        while world.state(later) == "in_bucket":
            assert run_step(downloader).moved
        world.simulator.advance(61)
        told = run_step(downloader).waiting
    state = world.state(IMAGE)
    slow.seconds = 0
    world.settle()

    assert state == "in_bucket"
    assert told.startswith(f"for {IMAGE} and 3 others: less than")
    assert [one["event"] for one in logged].count("transfer_slow") == 4
    assert slow.seen == 4
    assert world.counts() == {"verified": 9}
    assert exports_of_each_asset(world) == {1}


def test_a_slow_download_that_a_stop_ends_goes_on_where_it_was(tmp_path: Path) -> None:
    with Simulator("thousands:1") as simulator:
        slow = simulator.faults.add(
            "trickle", server="storage", path="alt=media", after_bytes=10, seconds=0.05
        )
        stop = threading.Event()
        with a_world(simulator, tmp_path, stop=stop) as world:
            world.enqueue(ARCHIVE)
            world.run("discoverer", "exporter", "reconciler")
            while not slow.fired:
                run_step(downloader_of(world))
            run_step(downloader_of(world))  # something has come by now
            stop.set()
            run_step(downloader_of(world))
        here = sum(file.stat().st_size for file in (tmp_path / "mirror").rglob("*.part"))
        with a_world(simulator, tmp_path) as world:
            world.settle()
            counts = world.counts()

    assert here > 0
    assert counts == {"verified": 3}


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
