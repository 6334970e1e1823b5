"""The metadata of a whole mirror in one file, for programs that know nothing of geesync."""

from __future__ import annotations

import json
import os
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import rustac

from geesync.simulator.simulator import Simulator
from tests import commands
from tests.story.world import a_world


@pytest.fixture(scope="module")
def mirrored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a ledger and a mirror that is at rest."""
    folder = tmp_path_factory.mktemp("mirrored")
    with Simulator("small") as simulator, a_world(simulator, folder) as world:
        world.enqueue("users/demo")
        world.enqueue("projects/demo-project")
        world.settle()
    return folder


def geesync(folder: Path, *arguments: str) -> CompletedProcess[str]:
    environment = os.environ | {"GEESYNC_LEDGER": str(folder / "geesync.db")}
    return commands.run("export-metadata", *arguments, env=environment)


def test_the_old_json_has_outline_and_time_of_each_asset(mirrored: Path) -> None:
    told = json.loads(geesync(mirrored, "users/demo").stdout)

    assert set(told) == {
        *(f"users/demo/scenes/s000{number}" for number in range(3)),
        "users/demo/deep/er/landcover",
        "users/demo/elevation",
    }
    assert told["users/demo/elevation"]["system:time_start"] == 1622505600000
    assert told["users/demo/elevation"]["geometry"]["type"] == "Polygon"
    assert told["users/demo/deep/er/landcover"]["system:time_start"] is None


def test_the_table_has_a_row_for_each_item(mirrored: Path, tmp_path: Path) -> None:
    table = tmp_path / "assets.parquet"

    done = geesync(mirrored, "--format", "stac-geoparquet", "--output", str(table))

    assert done.stderr == ""
    rows = {row["id"]: row for row in rustac.read_sync(str(table))["features"]}
    assert len(rows) == 9
    scene = rows["users.demo.scenes.s0001"]
    assert json.loads(scene["properties"]["ee:properties"])["tag"] == "s0001"
    href = scene["assets"]["grid1-uint16"]["href"]
    assert (mirrored / "mirror" / href).is_file()


@pytest.mark.parametrize(("target", "code"), [("", 2), ("/proc/nowhere/x.parquet", 74)])
def test_a_table_is_not_printed_and_says_where_it_cannot_be_written(
    mirrored: Path, target: str, code: int
) -> None:
    output = ["--output", target] if target else []

    done = geesync(mirrored, "--format", "stac-geoparquet", *output)

    assert done.returncode == code
    assert done.stderr.count("\n") == 1


def test_what_is_no_root_is_refused(mirrored: Path) -> None:
    done = geesync(mirrored, "users/nobody")

    assert done.returncode == 2
    assert "no root" in done.stderr
