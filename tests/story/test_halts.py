"""One destination is refused: what goes elsewhere goes on, and each is probed by itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from geesync.domain.tasks.lifecycle import ASSETS
from geesync.simulator.profiles import CALM, Profile
from geesync.simulator.scenarios import Tree
from geesync.simulator.simulator import Simulator
from geesync.simulator.wire.tokens import ANONYMOUS
from geesync.simulator.world.pixels import SimAsset
from geesync.step_threads import run_step
from tests.story.accounts import HOME, a_band, an_image
from tests.story.world import World, a_world

OTHER = "other-bucket"
VALUES = np.arange(64, dtype=np.uint8).reshape(8, 8)
IMAGES = 4
KEY = "Cloud KMS key projects/p/locations/l/keyRings/r/cryptoKeys/k is disabled."
POLICY = "Organization policy constraints/gcp.resourceLocations forbids this."


def images(folder: str) -> list[SimAsset]:
    names = (f"{folder}/{folder}{number}" for number in range(IMAGES))
    return [
        SimAsset(f"{HOME}/{folder}", "FOLDER"),
        *(an_image(n, a_band("b", VALUES)) for n in names),
    ]


@contextmanager
def three_ways(
    folder: Path, profile: Profile = CALM, *, most: int = 100, threads: int = 8
) -> Iterator[World]:
    """Give a world of three roots: one comes by the bucket, one by another, one by Drive."""
    account = Tree(
        "made",
        "demo-project",
        [SimAsset(HOME, "FOLDER"), *images("one"), *images("two"), *images("drive")],
    )
    with (
        Simulator(account, profile=profile) as simulator,
        a_world(
            simulator, folder, direct={}, bucket=True, max_operations=most, downloads=threads
        ) as world,
    ):
        simulator.storage.create_bucket(OTHER)
        world.enqueue(f"{HOME}/one", way="bucket")
        world.enqueue(f"{HOME}/two", way="bucket")
        two = world.service.roots.find(f"{HOME}/two")
        assert two is not None
        world.service.roots.update(two.id, bucket=OTHER)
        world.enqueue(f"{HOME}/drive", way="drive")
        yield world


def states(world: World, folder: str) -> set[str]:
    return {world.state(f"{HOME}/{folder}/{folder}{number}") for number in range(IMAGES)}


def asked(world: World, folder: str) -> int:
    """Return how many exports of a folder's images Earth Engine has accepted."""
    return sum(
        f"/{folder}/" in str(record.details["assets"])
        for record in world.simulator.audit.records("export")
    )


def waits(world: World, name: str = "exporter") -> str:
    return run_step(next(step for step in world.service.steps if step.name == name)).waiting


def let_pass(world: World, *, passes: int, step_s: float = 60) -> None:
    for _ in range(passes):
        world.run()
        world.simulator.advance(step_s)


def test_a_full_drive_holds_only_what_goes_there(tmp_path: Path) -> None:
    with three_ways(tmp_path, replace(CALM, drive_bytes=10**6)) as world:
        film = tmp_path / "film.mp4"
        film.write_bytes(bytes(10**6 - 10))
        told = world.simulator.drive.add(ANONYMOUS, film.name, "video/mp4", film)
        let_pass(world, passes=8)

        assert states(world, "one") == states(world, "two") == {"verified"}
        assert states(world, "drive") <= {"discovered", "exporting"}
        halted = asked(world, "drive")
        assert waits(world).startswith("Drive: Not enough space in Google Drive")
        later = f"{HOME}/one/later"
        world.simulator.world.put(an_image("one/later", a_band("b", VALUES)))
        world.rescan()
        let_pass(world, passes=12, step_s=1800)
        assert world.state(later) == "verified"
        assert asked(world, "drive") - halted <= 12

        world.simulator.drive.delete(told)
        world.settle(passes=400)
        assert states(world, "drive") == {"verified"}


def test_a_bucket_that_is_refused_does_not_hold_another(tmp_path: Path) -> None:
    with three_ways(tmp_path) as world:
        refused = world.simulator.operations.fail("x-one-", 7, KEY, count=None)
        let_pass(world, passes=8)
        first = refused.fired

        assert 1 <= first <= IMAGES + 1
        assert states(world, "two") == states(world, "drive") == {"verified"}
        assert waits(world) == f"bucket {world.simulator.bucket}: {KEY}"

        let_pass(world, passes=12, step_s=1800)
        assert 4 <= refused.fired - first <= 13  # one probe at a time
        refused.count = refused.fired
        world.settle(passes=400)
        assert states(world, "one") == {"verified"}
        assert waits(world) == ""


def test_a_halt_ends_when_nothing_goes_there_any_more(tmp_path: Path) -> None:
    with three_ways(tmp_path) as world:
        world.simulator.operations.fail("x-one-", 7, KEY, count=None)
        let_pass(world, passes=4)
        assert waits(world) == f"bucket {world.simulator.bucket}: {KEY}"
        root = world.service.roots.find(f"{HOME}/one")
        assert root is not None

        world.service.roots.update(root.id, paused_at=world.now())
        let_pass(world, passes=4, step_s=1800)
        assert waits(world) == f"bucket {world.simulator.bucket}: {KEY}"

        world.service.roots.update(root.id, removed_at=world.now())
        let_pass(world, passes=2, step_s=1800)
        assert waits(world) == ""


def test_two_that_are_refused_are_probed_and_come_back_each_by_itself(tmp_path: Path) -> None:
    with three_ways(tmp_path) as world:
        one = world.simulator.operations.fail("x-one-", 13, "Never heard of.", count=None)
        drive = world.simulator.operations.fail("x-drive-", 13, "Never heard of.", count=None)
        let_pass(world, passes=10, step_s=1800)
        assert one.fired > IMAGES
        assert drive.fired > IMAGES
        told = waits(world)
        assert f"bucket {world.simulator.bucket}" in told
        assert "Drive" in told
        assert OTHER not in told

        drive.count = drive.fired
        let_pass(world, passes=12, step_s=1800)
        assert states(world, "drive") == {"verified"}
        assert states(world, "one") <= {"discovered", "exporting"}
        assert waits(world) == f"bucket {world.simulator.bucket}: Never heard of."


def test_what_is_refused_to_the_account_holds_everything(tmp_path: Path) -> None:
    with three_ways(tmp_path) as world:
        root = world.service.roots.find(f"{HOME}/two")
        assert root is not None
        world.service.roots.update(root.id, paused_at=world.now())
        refused = world.simulator.operations.fail("", 7, POLICY, count=None)
        let_pass(world, passes=3)
        world.service.roots.update(root.id, paused_at=None)
        let_pass(world, passes=8, step_s=600)

        assert states(world, "two") <= {"discovered", "exporting"}
        assert asked(world, "two") <= 8  # probes, and not everything once
        assert OTHER in waits(world)
        refused.count = refused.fired
        world.settle(passes=400)
        assert world.counts() == {"verified": 3 * (IMAGES + 1)}


def test_what_a_bucket_does_not_give_back_does_not_hold_another(tmp_path: Path) -> None:
    with three_ways(tmp_path) as world:
        bucket = world.simulator.bucket
        closed = world.simulator.faults.add(
            "status", server="storage", path=f"/b/{bucket}/", status=403, body=KEY, count=None
        )
        let_pass(world, passes=8)

        assert states(world, "two") == states(world, "drive") == {"verified"}
        closed.count = closed.fired
        world.settle(passes=400)
        assert states(world, "one") == {"verified"}
        assert asked(world, "one") == IMAGES


def test_what_lies_in_a_bucket_that_gives_nothing_back_takes_no_other_s_place(
    tmp_path: Path,
) -> None:
    with three_ways(tmp_path) as world:
        two = world.service.roots.find(f"{HOME}/two")
        assert two is not None
        world.service.roots.update(two.id, paused_at=world.now())
        world.run("discoverer")
        while "in_bucket" not in states(world, "one"):
            world.run("exporter", "reconciler")
            world.simulator.advance(60)
        path = f"/b/{world.simulator.bucket}/"
        closed = world.simulator.faults.add(
            "status", server="storage", path=path, status=403, body=KEY, count=None
        )
        world.limit(max_staged=1)
        world.service.roots.update(two.id, paused_at=None)
        let_pass(world, passes=8)
        held = world.service.brakes.staged().text
        coming = world.service.brakes.disk(str(world.mirror)).used

        assert "in_bucket" in states(world, "one")
        assert states(world, "two") == states(world, "drive") == {"verified"}
        assert "beside" in held
        assert coming == 0
        closed.count = closed.fired
        world.limit(max_staged=10**9)
        world.settle(passes=400)
        assert states(world, "one") == {"verified"}


def test_a_bucket_that_cannot_be_seen_takes_no_more_and_leaves_others_their_places(
    tmp_path: Path,
) -> None:
    with three_ways(tmp_path, most=2) as world:
        bucket = world.simulator.bucket
        unseen = world.simulator.faults.add(
            "status", server="storage", path=f"/b/{bucket}/o\\?", status=403, body=KEY, count=None
        )
        let_pass(world, passes=16)

        assert states(world, "two") == states(world, "drive") == {"verified"}
        assert asked(world, "one") <= 3
        assert f"bucket {bucket}" in waits(world)
        unseen.count = unseen.fired
        world.settle(passes=400)
        assert states(world, "one") == {"verified"}
        assert asked(world, "one") == IMAGES


def test_downloads_are_halted_where_they_are_refused(tmp_path: Path) -> None:
    with three_ways(tmp_path) as world:
        bucket = world.simulator.bucket
        closed = world.simulator.faults.add(
            "status",
            server="storage",
            path=f"/b/{bucket}/.*alt=media",
            status=403,
            body=KEY,
            count=None,
        )
        let_pass(world, passes=8)

        assert states(world, "two") == states(world, "drive") == {"verified"}
        assert states(world, "one") == {"in_bucket"}
        assert waits(world, "downloader") == f"bucket {bucket}: 403: {KEY}"
        fired = closed.fired
        let_pass(world, passes=12, step_s=1800)
        assert 6 <= closed.fired - fired <= 13
        closed.count = closed.fired
        world.settle(passes=400)
        assert states(world, "one") == {"verified"}
        assert asked(world, "one") == IMAGES


def test_what_waits_for_a_lasting_halt_does_not_keep_a_run_that_is_to_end(tmp_path: Path) -> None:
    with three_ways(tmp_path, threads=1) as world:
        refused = world.simulator.faults.add(
            "status", path="image:export", status=403, body="Drive is not for you.", count=None
        )
        world.run()
        assert not world.is_quiet()  # it may be over in a moment

        let_pass(world, passes=2, step_s=400)
        assert refused.fired
        assert world.is_quiet()

        world.simulator.faults.clear()
        world.simulator.advance(600)
        world.run()
        assert not world.is_quiet()
        world.settle()
        assert world.is_quiet()


def test_what_is_not_planned_yet_keeps_a_run_going_though_its_roots_bucket_is_halted(
    tmp_path: Path,
) -> None:
    with three_ways(tmp_path) as world:
        world.simulator.operations.fail("x-one-", 7, KEY, count=None)
        let_pass(world, passes=12, step_s=1800)
        assert world.is_quiet()

        world.simulator.world.put(an_image("drive/new", a_band("b", VALUES)))
        world.service.roots.scan_all(world.now())
        run_step(next(step for step in world.service.steps if step.name == "discoverer"))
        assert world.state(f"{HOME}/drive/new") == "discovered"

        assert not world.is_quiet()
        let_pass(world, passes=8)
        assert world.state(f"{HOME}/drive/new") == "verified"
        assert world.is_quiet()


def test_a_halt_of_before_there_was_one_for_each_is_the_configured_buckets(tmp_path: Path) -> None:
    with three_ways(tmp_path) as world:
        kept = {"reason": KEY, "by_ending": True, "closed_at": world.now().isoformat()}
        world.service.roots.put("halted:exports", json.dumps(kept), world.now())
        config, simulator = world.config, world.simulator
        with a_world(simulator, tmp_path, direct={}, bucket=True) as again:
            assert again.config.ledger == config.ledger
            again.run("discoverer")

            assert waits(again) == f"bucket {simulator.bucket}: {KEY}"
            assert asked(again, "one") == 1
            assert asked(again, "two") == asked(again, "drive") == IMAGES
            assert again.service.gates[0].room(ASSETS, 100) == 100
