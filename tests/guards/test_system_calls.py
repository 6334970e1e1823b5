"""What one more asset costs in system calls: they are what a disk and a network are asked for."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from geesync.simulator import CALM, Simulator
from tests.faults.conditions import needs_strace
from tests.story.accounts import a_band, an_account, an_image
from tests.story.world import BESIDE, World, a_world

#: Every call of two runs is written down.
pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("mirror_script.py")
CALLS = (
    "fsync,fdatasync,syncfs,connect,openat,rename,renameat,renameat2,mkdirat,unlink,unlinkat,"
    "getdents64"
)
IMAGES = 60
EDGE = 16  #: of a tile, in pixels

pytestmark = needs_strace


@pytest.fixture(scope="module")
def of_one(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """Return what one image adds, by call, when there are many: the start is not counted."""
    few = calls(IMAGES, tmp_path_factory.mktemp("few"))
    many = calls(2 * IMAGES, tmp_path_factory.mktemp("many"))
    return {call: (many[call] - few[call]) / IMAGES for call in CALLS.split(",")}


def calls(images: int, folder: Path) -> Counter[str]:
    """Mirror an account of so many images; count the system calls."""
    with (
        Simulator(f"thousands:{images}") as simulator,
        a_world(simulator, folder, workers=BESIDE) as world,
    ):
        simulator.operations.set_slots(simulator.project, 2 * images)
        world.enqueue("projects/demo-project/assets/archive")
        counted = mirrored(world, folder / "strace")
        assert world.counts() == {"verified": images + 2}
        return counted


def mirrored(world: World, told: Path) -> Counter[str]:
    """Mirror what is enqueued in a process of its own; count its system calls."""
    command = ["strace", "-f", "--seccomp-bpf", "-qq", "-c", "-o", str(told)]
    command += ["-e", f"trace={CALLS}", sys.executable, str(SCRIPT), configuration(world)]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    rows = [line.split() for line in told.read_text().splitlines()]
    return Counter({row[-1]: int(row[3]) for row in rows if row[-1:] and row[-1] in CALLS})


def configuration(world: World) -> str:
    """Return the world's configuration, with room for all of it."""
    kept = {"ledger", "mirror", "bucket", "way", "earth_engine", "storage"}
    told = world.config.model_dump(mode="json", include=kept)
    throttle = {"requests_per_s": 100_000, "reserve": 0, "max_operations": 3000}
    return json.dumps(told | {"throttle": throttle})


def test_an_asset_is_synced_with_others(of_one: dict[str, float]) -> None:
    assert of_one["fsync"] < 0.1
    assert of_one["fdatasync"] < 0.5  # the ledger's, by its transactions, not by its assets
    assert of_one["syncfs"] < 0.1


def test_connections_are_used_again(of_one: dict[str, float]) -> None:
    assert of_one["connect"] < 0.1


def test_files_and_folders_are_opened_and_named_a_bounded_number_of_times(
    of_one: dict[str, float],
) -> None:
    renamed = sum(of_one[call] for call in ("rename", "renameat", "renameat2"))
    removed = of_one["unlink"] + of_one["unlinkat"]

    assert of_one["openat"] < 30
    assert renamed <= 7
    assert of_one["mkdirat"] <= 2  # two threads may try the same folder
    assert removed <= 1


def listings(tiles: int, place: Path) -> int:
    """Mirror one image into a folder that is there already; count the looks into folders."""
    place.mkdir()
    pixels = np.arange(tiles * EDGE * EDGE, dtype="int32").reshape(EDGE, tiles * EDGE)
    image = an_image("large", a_band("b", pixels))
    with (
        Simulator(an_account(image), profile=replace(CALM, file_edge=EDGE)) as simulator,
        a_world(simulator, place, workers=BESIDE) as world,
    ):
        world.enqueue("users/x")
        world.run("discoverer")
        world.folder(image.name).mkdir(parents=True)
        counted = mirrored(world, place / "strace")
        assert world.counts() == {"verified": 2}
        return counted["getdents64"]


def test_a_folder_is_not_listed_for_each_tile_that_comes_into_it(tmp_path: Path) -> None:
    few, many = listings(20, tmp_path / "few"), listings(120, tmp_path / "many")

    assert many - few < 20
