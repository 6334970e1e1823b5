"""What was read directly is known to a new ledger: whole copies, and tiles of others."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from geesync.checks.recovery import recover
from geesync.simulator.profiles import CALM
from geesync.simulator.simulator import Simulator
from geesync.store.views.samples import totals
from tests.story.accounts import a_band, an_account, an_image
from tests.story.test_recovery import lost_ledger
from tests.story.world import World, a_world

RNG = np.random.default_rng(5)
IMAGE = an_image("img", a_band("b", RNG.integers(0, 256, (600, 700), dtype=np.uint8)))
OTHER = an_image("other", a_band("b", RNG.integers(0, 256, (600, 700), dtype=np.uint8)))

#: One block of the image is an answer, so that it takes nine.
IN_TILES = replace(CALM, direct_memory_bytes=200_000)


def asked(simulator: Simulator) -> int:
    """Return how often pixels, rows or exports were asked for."""
    return sum(
        simulator.audit.count(kind) for kind in ("compute_pixels", "list_features", "export")
    )


@contextmanager
def rebuilt(
    simulator: Simulator, tmp_path: Path, top: str, *, bucket: bool = False, **options: object
) -> Iterator[World]:
    """Lose the ledger, and open a new one with what the mirror has."""
    lost_ledger(tmp_path)
    with a_world(simulator, tmp_path, direct={}, bucket=bucket) as world:
        world.enqueue(top, **options)
        (root,) = world.service.roots.active()
        recover(world.database, root, world.config, world.now)
        world.run("discoverer")
        world.service.adopter.run()
        yield world


@pytest.mark.parametrize(
    ("masks", "later", "bucket"),
    [
        ("nodata", {}, False),
        ("separate", {"masks": "nodata"}, True),
        ("nodata", {"way": "bucket"}, True),
    ],
)
def test_copies_that_were_read_directly_are_taken_in_and_nothing_is_asked_for_again(
    tmp_path: Path, masks: str, later: dict[str, str], *, bucket: bool
) -> None:
    with Simulator("small") as simulator:
        with a_world(simulator, tmp_path, direct={}, bucket=bucket) as world:
            root = world.enqueue("users/demo", masks=masks, tables=["csv", "geojson"])
            world.settle()
            before = asked(simulator)
            told = {file: file.read_bytes() for file in world.mirror.rglob("geesync.json")}

        with rebuilt(simulator, tmp_path, "users/demo", bucket=bucket, **later) as world:
            assert set(world.counts()) == {"downloaded"}
            world.settle()

            assert asked(simulator) == before
            assert set(world.counts()) == {"verified"}
            assert totals(world.config.ledger).sum_of("exports") == 0
            assert {file: file.read_bytes() for file in told} == told
            images = [one for one in simulator.world.walk(root) if one.type == "IMAGE"]
            for image in images:
                assert world.history(image.name) == ["Discovered", "Recovered", "CheckPassed"]
                assert world.is_exact(image.name)


def test_only_what_is_damaged_is_read_again_for_a_rebuilt_ledger(tmp_path: Path) -> None:
    with Simulator(an_account(IMAGE, OTHER)) as simulator:
        with a_world(simulator, tmp_path, direct={"reread": "none"}) as world:
            world.enqueue("users/x")
            world.settle()
            (file,) = world.files(IMAGE.name)
            content = bytearray(file.read_bytes())
            content[-1] ^= 1
            file.write_bytes(content)
            before = asked(simulator)

        with rebuilt(simulator, tmp_path, "users/x") as world:
            world.settle()

            assert asked(simulator) == before + 1
            assert set(world.counts()) == {"verified"}
            assert world.is_exact(IMAGE.name)


@contextmanager
def half_read(tmp_path: Path) -> Iterator[Simulator]:
    """Read some tiles of an image, then lose the ledger."""
    with Simulator(an_account(IMAGE, OTHER), profile=IN_TILES) as simulator:
        with a_world(simulator, tmp_path, direct={"reread": "none", "at_once": 1}) as world:
            world.enqueue("users/x", exclude=["other"])
            world.run("discoverer", "fetcher")
            world.run("fetcher")  # all at once was too much, and less, too
            simulator.faults.add("status", path="computePixels", skip=5, status=503, count=None)
            world.run("fetcher")
            simulator.faults.clear()
            assert len(list(world.mirror.rglob("*.part"))) == 5
        lost_ledger(tmp_path)
        yield simulator


def test_tiles_that_are_on_disk_are_not_asked_for_again_by_a_new_ledger(tmp_path: Path) -> None:
    with half_read(tmp_path) as simulator:
        before = asked(simulator)

        with rebuilt(simulator, tmp_path, "users/x", exclude=["other"]) as world:
            world.settle()

            assert asked(simulator) == before + 2 + 4  # two were too much again
            assert world.is_exact(IMAGE.name)


def test_tiles_of_an_older_revision_are_none_of_a_new_ledgers(tmp_path: Path) -> None:
    with half_read(tmp_path) as simulator:
        simulator.world.put(replace(OTHER, name=IMAGE.name, update_time="2025-01-01T00:00:00Z"))

        with rebuilt(simulator, tmp_path, "users/x", exclude=["other"]) as world:
            world.settle()

            assert world.is_exact(IMAGE.name)
            assert world.history(IMAGE.name)[-2:] == ["Fetched", "CheckPassed"]
            assert set(world.counts()) == {"verified"}


def test_an_export_of_what_was_too_large_to_read_goes_on_under_a_new_ledger(tmp_path: Path) -> None:
    profile = replace(CALM, direct_memory_bytes=10_000)
    with Simulator(an_account(IMAGE), profile=profile) as simulator:
        with a_world(simulator, tmp_path, direct={}, bucket=True) as world:
            world.enqueue("users/x")
            world.run("discoverer")
            for _ in range(4):
                world.run("fetcher", "exporter")
            assert world.state(IMAGE.name) == "exporting"
            before = asked(simulator)

        with rebuilt(simulator, tmp_path, "users/x", bucket=True) as world:
            world.settle()

            assert asked(simulator) == before
            assert world.is_exact(IMAGE.name)
