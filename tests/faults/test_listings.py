"""Listings of the bucket that leave something out."""

from __future__ import annotations

from tests.faults.conftest import ARCHIVE, Build
from tests.faults.test_refusals import exports_of_each_asset


def test_objects_that_are_listed_without_a_checksum_are_asked_for_singly(build: Build) -> None:
    world = build(3)
    world.simulator.storage.proxy.lists_checksums = False
    unanswered = world.simulator.faults.add(
        "status", server="storage", method="GET", path=r"/o/.*i000001.tif\?", count=3
    )
    world.enqueue(ARCHIVE)

    world.settle()

    assert unanswered.fired == 3
    assert world.counts() == {"verified": 5}
    assert exports_of_each_asset(world) == {1}
