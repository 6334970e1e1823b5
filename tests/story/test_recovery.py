"""A ledger that was lost is rebuilt from the mirror, and what is there is not exported again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from geesync.simulator.simulator import Simulator
from geesync.steps.recovery import recover
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
    for file in tmp_path.glob("geesync.db*"):
        file.unlink()
    return folder


@contextmanager
def recovered(simulator: Simulator, tmp_path: Path) -> Iterator[tuple[World, int]]:
    """Open a new ledger with what the mirror has; yields also how many copies that were."""
    with a_world(simulator, tmp_path) as world:
        world.enqueue(ROOT)
        (root,) = world.service.roots.active()
        yield world, recover(world.database, root, world.config, world.now)


def test_a_lost_ledger_is_rebuilt_and_nothing_is_exported_again(
    simulator: Simulator, tmp_path: Path
) -> None:
    mirrored(simulator, tmp_path)
    before = simulator.audit.count("export")

    with recovered(simulator, tmp_path) as (world, count):
        assert world.counts() == {"downloaded": count}
        world.settle()

        assert count == 10
        assert world.counts() == {"verified": 10}
        assert simulator.audit.count("export") == before
        assert world.history(ASSET) == ["Discovered", "Recovered", "CheckPassed"]
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
