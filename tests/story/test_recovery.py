"""A ledger that was lost is rebuilt from the mirror, and what is there is not exported again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pytest

from geesync.checks.recovery import recover
from geesync.simulator.simulator import Simulator
from geesync.simulator.world.pixels import SimAsset
from geesync.store.views.samples import totals
from tests.story.accounts import HOME, a_band, an_account, an_image
from tests.story.world import World, a_world

ROOT = "users/demo"
ASSET = "projects/earthengine-legacy/assets/users/demo/elevation"


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator("small") as running:
        yield running


def mirrored(simulator: Simulator, tmp_path: Path) -> Path:
    """Mirror an account and lose the ledger; return the folder of one asset."""
    with a_world(simulator, tmp_path) as world:
        world.enqueue(ROOT)
        world.settle()
        folder = world.folder(ASSET)
    lost_ledger(tmp_path)
    return folder


@contextmanager
def recovered(simulator: Simulator, tmp_path: Path, top: str = ROOT) -> Iterator[tuple[World, int]]:
    """Open a new ledger with what the mirror has; yields also how many copies that were."""
    with a_world(simulator, tmp_path) as world:
        world.enqueue(top)
        (root,) = world.service.roots.active()
        yield world, recover(world.database, root, world.config, world.now)


def test_a_lost_ledger_is_rebuilt_and_nothing_is_exported_again(
    simulator: Simulator, tmp_path: Path
) -> None:
    folder = mirrored(simulator, tmp_path)
    before, told = simulator.audit.count("export"), (folder / "geesync.json").read_text()

    with recovered(simulator, tmp_path) as (world, count):
        assert world.counts() == {"downloaded": count}
        world.settle()

        assert count == 10
        assert world.counts() == {"verified": 10}
        assert simulator.audit.count("export") == before
        assert world.history(ASSET) == ["Discovered", "Recovered", "CheckPassed"]
        assert (folder / "geesync.json").read_text() == told
        assert world.exports(ASSET) == []
        assert totals(world.config.ledger).sum_of("exports") == 0
        assert world.is_exact(ASSET)


@pytest.mark.parametrize("harm", ["removed", "flipped"])
def test_only_what_is_damaged_is_exported_again_for_a_rebuilt_ledger(
    simulator: Simulator, tmp_path: Path, harm: str
) -> None:
    file = mirrored(simulator, tmp_path) / "elevation.tif"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.unlink() if harm == "removed" else file.write_bytes(content)
    before = simulator.audit.count("export")

    with recovered(simulator, tmp_path) as (world, _):
        world.settle()

        assert world.counts() == {"verified": 10}
        assert world.accepted(ASSET) == 2
        assert simulator.audit.count("export") == before + 1
        assert world.is_exact(ASSET)


@pytest.mark.parametrize(
    ("key", "lie"),
    [
        ("name", "../../../elevation.tif"),
        ("name", "/etc/hostname"),
        ("object", "x/../elevation-mask.tif"),
        ("generation", 2**64),
        ("size_bytes", "\ud800"),
        ("crc32c", None),
    ],
)
def test_a_sidecar_that_lies_is_not_believed(
    simulator: Simulator, tmp_path: Path, key: str, lie: object
) -> None:
    told = mirrored(simulator, tmp_path) / "geesync.json"
    document = json.loads(told.read_text())
    document["parts"][0]["files"][0][key] = lie
    told.write_text(json.dumps(document))

    with recovered(simulator, tmp_path) as (world, count):
        assert count == 9
        assert world.counts() == {"downloaded": 9}


def test_a_link_in_a_mirror_is_not_followed_by_recovery(
    simulator: Simulator, tmp_path: Path
) -> None:
    folder = mirrored(simulator, tmp_path)
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")

    with recovered(simulator, tmp_path) as (_, count):
        assert count == 9


def large() -> SimAsset:
    """Return an image that Earth Engine makes in pieces only, once it was told to refuse."""
    values = np.arange(300 * 600, dtype="int32").reshape(300, 600)
    return an_image("img", *(a_band(f"b{number}", values + number) for number in range(4)))


def wide() -> SimAsset:
    """Return an image whose pixels are not what is declared, so that it comes in wider types."""
    values = np.full((9, 12), 300, "int32")
    return an_image("img", a_band("b", values, declared=(0, 200)), a_band("c", values))


#: What Earth Engine refuses of an image of four bands, and what it is cut into.
REFUSALS = {"halves": 1, "quarters": 3, "single bands, in tiles": 8}


@pytest.mark.parametrize("refusals", [*REFUSALS.values(), 0], ids=[*REFUSALS, "wider types"])
def test_an_image_that_came_in_pieces_is_taken_in_as_it_is(tmp_path: Path, refusals: int) -> None:
    image = large() if refusals else wide()
    with Simulator(an_account(image)) as simulator:
        simulator.operations.fail("img", 3, "User memory limit exceeded.", count=refusals)
        with a_world(simulator, tmp_path) as world:
            world.enqueue(HOME)
            world.settle()
            before, files = simulator.audit.count("export"), world.files(image.name)
        lost_ledger(tmp_path)

        with recovered(simulator, tmp_path, HOME) as (world, count):
            world.settle()

            assert count == 2
            assert world.counts() == {"verified": 2}
            assert simulator.audit.count("export") == before
            assert world.files(image.name) == files
            assert world.is_exact(image.name)


@pytest.mark.parametrize("refusals", [1, 2])
@pytest.mark.parametrize("forgotten", [False, True])
def test_pieces_that_were_asked_for_go_on_under_a_new_ledger(
    tmp_path: Path, refusals: int, *, forgotten: bool
) -> None:
    image = large()
    with Simulator(an_account(image)) as simulator:
        simulator.operations.fail("img", 3, "User memory limit exceeded.", count=refusals)
        with a_world(simulator, tmp_path) as world:
            world.enqueue(HOME)
            world.run("discoverer")
            for _ in range(refusals + 1):
                world.run("exporter")
                simulator.advance(3600)
                world.run("reconciler")
            before = simulator.audit.count("export")
        lost_ledger(tmp_path)
        if forgotten:
            for operation in simulator.operations.all():
                simulator.operations.delete(operation.name)

        with recovered(simulator, tmp_path, HOME) as (world, _):
            world.run("discoverer")
            world.service.adopter.run()
            world.settle()

            assert world.counts() == {"verified": 2}
            assert simulator.audit.count("export") == before
            assert world.is_exact(image.name)


ARCHIVE = "projects/demo-project/assets/archive"

#: How far the lost ledger's exports were: the steps that had run, and how long ago, in s.
PROGRESS = {
    "asked for": (["exporter"], 0),
    "running": (["exporter"], 1),
    "written": (["exporter"], 3600),
    "in the bucket": (["exporter", "3600", "reconciler"], 0),
    "downloaded": (["exporter", "3600", "reconciler", "downloader"], 0),
}


def lost_ledger(tmp_path: Path) -> None:
    for file in tmp_path.glob("geesync.db*"):
        file.unlink()


def staged(world: World) -> list[str]:
    """Return the names of all objects that are in the bucket."""
    listed = httpx.get(f"{world.simulator.storage_url}/storage/v1/b/{world.simulator.bucket}/o")
    return [item["name"] for item in listed.json().get("items", [])]


@contextmanager
def adopted(simulator: Simulator, tmp_path: Path) -> Iterator[tuple[World, int]]:
    """Open a new ledger with what the lost one had asked for; yields also how many exports."""
    with recovered(simulator, tmp_path, ARCHIVE) as (world, _):
        world.run("discoverer")
        yield world, world.service.adopter.run()


@pytest.mark.parametrize(("steps", "later_s"), PROGRESS.values(), ids=PROGRESS)
def test_what_a_lost_ledger_had_asked_for_is_not_asked_for_again(
    tmp_path: Path, steps: list[str], later_s: float
) -> None:
    with Simulator("thousands:6") as simulator:
        with a_world(simulator, tmp_path) as world:
            world.enqueue(ARCHIVE)
            world.run("discoverer")
            for step in steps:
                world.simulator.advance(float(step)) if step.isdecimal() else world.run(step)
        simulator.advance(later_s)
        lost_ledger(tmp_path)

        with adopted(simulator, tmp_path) as (world, count):
            world.settle()

            assert count == 6
            assert world.counts() == {"verified": 8}
            assert simulator.audit.count("export") == 6
            assert not staged(world)
            assert not list(world.mirror.rglob("*.new"))


def test_an_operation_that_is_forgotten_is_adopted_by_its_files(tmp_path: Path) -> None:
    with Simulator("thousands:6") as simulator:
        with a_world(simulator, tmp_path) as world:
            world.enqueue(ARCHIVE)
            world.run("discoverer", "exporter")
        simulator.advance(3600)
        for operation in simulator.operations.all():
            simulator.operations.delete(operation.name)
        lost_ledger(tmp_path)

        with adopted(simulator, tmp_path) as (world, count):
            world.settle()

            assert count == 6
            assert world.counts() == {"verified": 8}
            assert simulator.audit.count("export") == 6


def test_what_was_asked_for_an_older_revision_is_not_adopted(tmp_path: Path) -> None:
    changed = f"{ARCHIVE}/c0000/i000002"
    with Simulator("thousands:6") as simulator:
        with a_world(simulator, tmp_path) as world:
            world.enqueue(ARCHIVE)
            world.run("discoverer", "exporter")
        simulator.advance(60)
        simulator.world.touch(changed)
        lost_ledger(tmp_path)

        with adopted(simulator, tmp_path) as (world, count):
            world.settle()

            assert count == 5
            assert world.counts() == {"verified": 8}
            assert world.accepted(changed) == 2
            assert simulator.audit.count("export") == 7


def test_what_a_colleague_cancelled_stays_cancelled_for_a_rebuilt_ledger(tmp_path: Path) -> None:
    with Simulator("thousands:2") as simulator:
        simulator.operations.set_slots(simulator.project, 0)
        with a_world(simulator, tmp_path) as world:
            world.enqueue(ARCHIVE)
            world.run("discoverer", "exporter")
        for operation in simulator.operations.all():
            simulator.operations.cancel(operation.name)
        lost_ledger(tmp_path)

        with adopted(simulator, tmp_path) as (world, _):
            world.settle()

            assert world.counts() == {"verified": 2, "quarantined": 2}
            assert simulator.audit.count("export") == 2


def test_another_ledgers_exports_are_nobody_elses(tmp_path: Path) -> None:
    with Simulator("thousands:3") as simulator:
        with a_world(simulator, tmp_path / "theirs") as theirs:
            theirs.enqueue(ARCHIVE)
            theirs.run("discoverer", "exporter")

        with adopted(simulator, tmp_path / "ours") as (ours, count):
            ours.settle()

            assert count == 0
            assert ours.counts() == {"verified": 5}
            assert simulator.audit.count("export") == 6


def test_a_copy_is_taken_in_whatever_options_hold_now(simulator: Simulator, tmp_path: Path) -> None:
    mirrored(simulator, tmp_path)
    before = simulator.audit.count("export")

    with a_world(simulator, tmp_path) as world:
        world.enqueue(ROOT, masks="separate")
        (root,) = world.service.roots.active()

        assert recover(world.database, root, world.config, world.now) == 10
        world.settle()

        assert world.counts() == {"verified": 10}
        assert simulator.audit.count("export") == before
