"""What ended exports leave in the bucket: swept in the end, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.conftest import ARCHIVE, Build
from tests.story.world import World


@pytest.fixture
def overwritten(build: Build) -> World:
    """One image, overwritten after its export had ended; somebody else's object is there, too."""
    world = build(1)
    world.enqueue(ARCHIVE)
    world.run("discoverer", "exporter")
    world.simulator.advance(60)
    world.run("reconciler")
    world.simulator.world.touch(f"{ARCHIVE}/c0000/i000000")
    world.service.roots.scan_all(world.now())
    strange = world.mirror.parent / "strange"
    strange.write_bytes(b"somebody else's")
    for name in ("strange.tif", "geesync/notatokenofours/x.tif", "geesyncish/x.tif"):
        world.simulator.storage.upload(world.simulator.bucket, name, strange, "image/tiff")
    return world


def swept(world: World) -> list[str]:
    return [record.target for record in world.simulator.audit.records("object_delete")]


def test_objects_of_an_abandoned_export_are_swept_once_the_asset_is_verified(
    overwritten: World,
) -> None:
    world = overwritten
    world.run("discoverer", "sweeper")
    assert not swept(world)

    world.settle()
    for _ in range(3):
        world.simulator.advance(3600)
        world.run("sweeper")

    assert len([target for target in swept(world) if "i000000" in target]) == 2
    assert not [target for target in swept(world) if Path(target).name in {"strange.tif", "x.tif"}]
    assert world.status().staged_bytes == 0


def test_what_disproved_exports_left_is_gone_before_a_single_sync_ends(overwritten: World) -> None:
    world = overwritten

    world.run("discoverer", "sweeper")
    world.settle(without="sweeper")
    staged = [name for name in world.staged() if "i000000" in name]
    assert not world.service.finish()

    assert len(staged) == 2  # that of the revision before is of no use any more
    assert not [name for name in world.staged() if "i000000" in name]
    assert "geesync/notatokenofours/x.tif" in world.staged()


def test_an_object_that_may_not_be_deleted_does_not_stand_before_the_others(build: Build) -> None:
    world = build(12)
    held = world.simulator.faults.add(
        "status", server="storage", method="DELETE", path="i000000", status=403, count=None
    )
    world.enqueue(ARCHIVE)
    world.settle()
    for _ in range(20):
        world.run("sweeper")

    assert held.fired
    assert len(swept(world)) == 11

    world.simulator.faults.clear()
    world.simulator.advance(3601)
    world.run("sweeper")
    world.run("sweeper")
    assert len(swept(world)) == 12
