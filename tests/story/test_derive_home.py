"""A person's own function over a collection, its results read straight into the mirror: no task."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from geesync import open_mirror
from geesync.adapters.formats.mirrored_pixels import read_image
from geesync.cli.app import app
from geesync.simulator.simulator import Simulator
from geesync.simulator.wire.tokens import ANONYMOUS
from tests.series.season import COLLECTION
from tests.story.test_derive import SEASON, configure, run
from tests.story.world import World, a_world


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(SEASON.account()) as running:
        yield running


@pytest.fixture
def world(simulator: Simulator, tmp_path: Path) -> Iterator[World]:
    with a_world(simulator, tmp_path, direct={"reread": "all"}) as built:
        yield built


def home(folder: Path, simulator: Simulator, **changed: object) -> Path:
    """Write a configuration with one job whose results come home, and no bucket."""
    config = configure(folder, simulator, into="mirror", **changed)
    lines = [line for line in config.read_text().splitlines() if not line.startswith("bucket")]
    config.write_text("\n".join(lines))
    return config


def is_right(world: World, number: int) -> bool:
    """Tell whether a result is what the function makes of an image, pixel by pixel."""
    band = read_image(world.folder(f"derived/ndvi/s{number:03}"))["ndvi"]
    clear = ~SEASON.clouds(number)
    assert ((band.mask > 0) == clear).all()
    return bool(np.allclose(band.values[clear], SEASON.ndvi()[number][clear], atol=1e-3))


def test_results_are_read_into_the_mirror_without_a_task(world: World, tmp_path: Path) -> None:
    config = home(tmp_path, world.simulator)

    started = run(config, "start", "ndvi")
    world.settle()

    assert started.exit_code == 0, started.output
    assert world.counts() == {"verified": 8}
    assert all(is_right(world, number) for number in range(8) if number != 3)
    assert not world.simulator.audit.records("export")
    told = json.loads((world.folder("derived/ndvi/s001") / "asset.json").read_text())
    assert told["properties"]["geesync_job"] == "ndvi"
    assert told["startTime"].startswith("2023-01-")
    assert (world.folder("derived/ndvi/s001") / "item.json").exists()
    assert run(config, "status", "ndvi").exit_code == 0


@pytest.mark.parametrize("way", ["drive", "bucket"])
def test_results_come_by_tasks_too(simulator: Simulator, tmp_path: Path, way: str) -> None:
    with a_world(simulator, tmp_path, direct={}, bucket=way == "bucket") as world:
        config = home(tmp_path, simulator, way=way)
        if way == "bucket":
            config.write_text(f'bucket = "{simulator.bucket}"\n' + config.read_text())

        started = run(config, "start", "ndvi")
        world.settle()

        assert started.exit_code == 0, started.output
        assert world.counts() == {"verified": 8}
        assert all(is_right(world, number) for number in range(8) if number != 3)
        assert len(list(simulator.audit.records("export"))) == 7
        assert not world.staged()
        assert not simulator.drive.files(ANONYMOUS) or way == "drive"


def test_what_is_at_home_is_not_made_again_and_a_new_image_is(world: World, tmp_path: Path) -> None:
    config = home(tmp_path, world.simulator)
    run(config, "start", "ndvi")
    world.settle()
    asked = len(list(world.simulator.audit.records("compute_pixels")))

    again = run(config, "start", "ndvi")
    world.settle()

    assert "0 new, 7 there" in again.output
    assert len(list(world.simulator.audit.records("compute_pixels"))) == asked
    assert world.history("derived/ndvi/s000").count("CheckPassed") == 1


def test_an_image_that_changes_while_it_is_read_is_read_again(world: World, tmp_path: Path) -> None:
    run(home(tmp_path, world.simulator), "start", "ndvi")
    source = f"{COLLECTION}/s001"
    world.simulator.world.put(world.simulator.world.get(source))  # a new revision

    world.settle()

    told = json.loads((world.folder("derived/ndvi/s001") / "asset.json").read_text())
    now = world.simulator.world.get(source)
    assert told["properties"]["geesync_revision"] == now.update_time
    assert is_right(world, 1)


def test_a_ledger_that_is_lost_takes_in_what_is_at_home(
    simulator: Simulator, tmp_path: Path
) -> None:
    config = home(tmp_path, simulator)
    with a_world(simulator, tmp_path, direct={}) as world:
        run(config, "start", "ndvi")
        world.settle()
    for file in tmp_path.glob("geesync.db*"):
        file.unlink()
    asked = len(list(simulator.audit.records("compute_pixels")))

    command = [sys.executable, "-m", "geesync", "-c", str(config), "recover", "derived/ndvi"]
    subprocess.run(command, check=True)
    with a_world(simulator, tmp_path, direct={}) as world:
        assert "0 new, 7 there" in run(config, "start", "ndvi").output
        world.settle()
        assert world.counts() == {"verified": 8}
        assert len(list(simulator.audit.records("compute_pixels"))) == asked


def test_results_at_home_are_data_like_any_other(world: World, tmp_path: Path) -> None:
    run(home(tmp_path, world.simulator), "start", "ndvi")
    world.settle()

    found = open_mirror(world.mirror)["derived/ndvi"]

    assert found.sizes["time"] == 7
    assert list(found.data_vars) == ["ndvi"]


def test_nothing_at_earth_engine_is_asked_for_by_a_results_name(
    world: World, tmp_path: Path
) -> None:
    config = home(tmp_path, world.simulator)
    run(config, "start", "ndvi")
    world.settle()
    world.rescan()
    world.run()

    checked = CliRunner().invoke(app, ["-c", str(config), "check", "--against-earth-engine"])
    freed = CliRunner().invoke(app, ["-c", str(config), "free", "derived/ndvi"])

    assert checked.exit_code == 0, checked.output
    assert "ndvi/s001" not in freed.output
    refused = CliRunner().invoke(app, ["-c", str(config), "enqueue", "derived/ndvi"])
    assert "does not exist" in str(refused.exception)


def test_a_way_is_for_results_that_come_home(world: World, tmp_path: Path) -> None:
    config = configure(tmp_path, world.simulator, way="direct")

    assert "way is for into = 'mirror'" in str(run(config, "plan", "ndvi").exception)
