"""The way from the bucket to the disk, and the sweeping behind it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geesync.adapters.mirror_files.mirror import MARKER
from geesync.errors import Cause
from geesync.simulator.simulator import Simulator
from geesync.simulator.world.pixels import SimAsset
from tests.story.accounts import HOME, a_band, an_account
from tests.story.world import World, a_world

NUMBERS = count()
#: Noise, so that the file is large enough to break in the middle.
VALUES = np.random.default_rng(1).integers(0, 255, (400, 500)).astype("uint8")
MEDIA = "alt=media"


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(an_account()) as running:
        yield running


@pytest.fixture
def image(simulator: Simulator) -> str:
    folder = f"{HOME}/f{next(NUMBERS)}"
    simulator.world.put(SimAsset(folder, "FOLDER"))
    simulator.world.put(SimAsset(f"{folder}/img", "IMAGE", bands=(a_band("b", VALUES),)))
    return f"{folder}/img"


@pytest.fixture
def world(simulator: Simulator, image: str, tmp_path: Path) -> Iterator[World]:
    with a_world(simulator, tmp_path) as built:
        built.enqueue(image)
        yield built
    simulator.faults.clear()


def deleted(world: World, image: str) -> list[str]:
    """Return which of an asset's objects were deleted, each with its generation."""
    staged = {
        (f"gs://{world.simulator.bucket}/{o['name']}", o["generation"])
        for o in objects(world, image)
    }
    return [
        record.target
        for record in world.simulator.audit.records("object_delete")
        if (record.target, record.details["generation"]) in staged
    ]


def objects(world: World, image: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.show(image)["objects"]
    return found


@pytest.mark.parametrize("action", ["reset", "truncate", "corrupt"])
def test_a_broken_transfer_costs_no_second_export(world: World, image: str, action: Any) -> None:
    fault = world.simulator.faults.add(action, server="storage", path=MEDIA, after_bytes=60_000)

    world.settle()

    assert fault.fired == 1
    assert world.is_exact(image)
    assert world.accepted(image) == 1
    assert world.show(image)["failures"] == 0


def test_an_outage_of_the_bucket_costs_time_only(world: World, image: str) -> None:
    world.simulator.faults.add("status", server="storage", count=40)

    world.settle()

    assert world.is_exact(image)
    assert world.accepted(image) == 1
    assert world.show(image)["failures"] == 0


def test_bytes_that_are_wrong_each_time_never_get_a_final_name(world: World, image: str) -> None:
    world.simulator.faults.add("corrupt", server="storage", path=MEDIA, after_bytes=500, count=None)

    world.settle()

    assert (world.state(image), world.show(image)["cause"]) == ("quarantined", Cause.INTEGRITY)
    assert world.files(image) == []


def test_a_restart_in_the_middle_of_a_file_goes_on_there(
    simulator: Simulator, image: str, tmp_path: Path
) -> None:
    simulator.faults.add("reset", server="storage", path=MEDIA, after_bytes=90_000, count=1)
    simulator.faults.add("status", server="storage", path=MEDIA, status=503, count=1)
    with a_world(simulator, tmp_path) as world:
        world.enqueue(image)
        while not list(world.mirror.rglob("*.part")):
            world.run()
            simulator.advance(10)

    with a_world(simulator, tmp_path) as world:
        world.settle()

        assert world.is_exact(image)
        assert world.accepted(image) == 1
    simulator.faults.clear()


def test_an_unmounted_disk_is_waited_for(world: World, image: str) -> None:
    (world.mirror / MARKER).rename(world.mirror / "away")
    for _ in range(20):
        world.run()
        world.simulator.advance(600)
    assert world.state(image) in {"discovered", "in_bucket"}
    assert not list(world.mirror.rglob("*.tif*"))

    (world.mirror / "away").rename(world.mirror / MARKER)
    world.settle()

    assert world.is_exact(image)


def test_the_reserve_of_the_disk_is_never_used(
    simulator: Simulator, image: str, tmp_path: Path
) -> None:
    with a_world(simulator, tmp_path, reserve=10**18) as world:
        world.enqueue(image)
        for _ in range(10):
            world.run()
            simulator.advance(60)

        assert world.state(image) in {"discovered", "in_bucket"}
        assert world.files(image) == []


def test_what_is_in_the_way_is_told_and_kept(world: World, image: str) -> None:
    path = world.mirror / "users/x"
    path.mkdir(parents=True)
    in_the_way = path / image.split("/")[-2]
    in_the_way.write_text("somebody's notes")
    for _ in range(10):
        world.run()
        world.simulator.advance(600)

    assert in_the_way.read_text() == "somebody's notes"
    assert "in the way" in world.show(image)["reason"]
    in_the_way.unlink()
    world.settle()
    assert world.is_exact(image)


# --- Sweeping.


def test_only_proved_objects_are_deleted_and_by_generation(world: World, image: str) -> None:
    world.run("discoverer")
    while world.state(image) != "verified":
        assert deleted(world, image) == []
        world.run("exporter", "reconciler", "downloader", "verifier")

    world.settle()
    world.run("sweeper")

    assert len(deleted(world, image)) == len(objects(world, image)) == 1
    assert all(obj["swept_at"] for obj in objects(world, image))


def test_another_writing_of_an_object_is_not_ours_to_delete(world: World, image: str) -> None:
    world.run("discoverer", "exporter", "reconciler", "downloader", "verifier")
    (obj,) = objects(world, image)
    file = world.files(image)[0]
    world.simulator.storage.upload(world.simulator.bucket, obj["name"], file, "image/tiff")

    world.run("sweeper")

    assert deleted(world, image) == []
    assert [o["swept_at"] is None for o in objects(world, image)] == [False]


def test_a_deletion_that_fails_is_tried_again(world: World, image: str) -> None:
    world.simulator.faults.add("status", method="DELETE", count=1)
    world.run("discoverer", "exporter", "reconciler", "downloader", "verifier", "sweeper")
    assert deleted(world, image) == []

    world.run("sweeper")

    assert len(deleted(world, image)) == 1


def test_sweeping_can_be_switched_off(simulator: Simulator, image: str, tmp_path: Path) -> None:
    with a_world(simulator, tmp_path, sweep=False) as world:
        world.enqueue(image)

        world.settle()

        assert world.state(image) == "verified"
        assert deleted(world, image) == []
        assert world.status().staged_bytes > 0
