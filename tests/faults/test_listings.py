"""Listings of the bucket that leave something out."""

from __future__ import annotations

import json

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


def test_objects_of_which_nobody_tells_a_checksum_are_proved_by_size_and_reading(
    build: Build,
) -> None:
    world = build(3)
    world.simulator.storage.proxy.tells_checksums = False
    refused_once = world.simulator.faults.add(
        "status", server="storage", path="i000002.*alt=media", status=400, count=1
    )
    world.enqueue(ARCHIVE)

    world.settle()

    assert refused_once.fired == 1
    assert world.counts() == {"verified": 5}
    assert exports_of_each_asset(world) == {1}
    assert world.is_exact(f"{ARCHIVE}/c0000/i000001")
    sidecar = json.loads((world.folder(f"{ARCHIVE}/c0000/i000001") / "geesync.json").read_text())
    assert "the bucket tells no checksum" in json.dumps(sidecar["parts"])


def test_where_an_md5_is_all_that_is_told_it_is_compared(build: Build) -> None:
    world = build(3)
    proxy = world.simulator.storage.proxy
    proxy.tells_checksums, proxy.hidden = False, ("crc32c",)
    wrong = world.simulator.faults.add(
        "corrupt", server="storage", path="i000002.*alt=media", count=2
    )
    world.enqueue(ARCHIVE)
    world.run("discoverer", "exporter")
    world.simulator.advance(60)
    world.run("reconciler")
    proxy.tells_checksums = True  # of another look: it is the same writing

    world.settle()

    assert wrong.fired == 2
    assert world.counts() == {"verified": 5}
    assert exports_of_each_asset(world) == {1}
    for number in range(3):
        assert world.is_exact(f"{ARCHIVE}/c0000/i00000{number}")
    sidecar = json.loads((world.folder(f"{ARCHIVE}/c0000/i000002") / "geesync.json").read_text())
    assert {part["vouched_by"] for part in sidecar["parts"]} == {"the bucket's MD5 of every object"}
    assert not world.staged()
