"""Whether all is here: one answer for people and scripts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from geesync.errors import ExitCode
from geesync.simulator.simulator import Simulator
from tests.cli.conftest import Run

GET = "earthengine.assets.get"


@pytest.fixture
def forbidden(simulator: Simulator) -> Iterator[str]:
    name = "users/demo/elevation"
    tree = f"projects/earthengine-legacy/assets/{name}"
    denial = simulator.world.permissions.deny(tree, GET)
    yield name
    simulator.world.permissions.allow(denial)


def test_status_ends_with_one_answer_and_a_code_that_says_the_same(geesync: Run) -> None:
    geesync("enqueue", "users/demo", "projects/demo-project")

    before = geesync("status")
    geesync("sync", "--once")
    after = geesync("status")

    assert before.returncode == ExitCode.INCOMPLETE
    assert before.stdout.splitlines()[-1] == (
        "not complete: users/demo is not yet scanned;"
        " projects/demo-project/assets is not yet scanned"
    )
    assert geesync("status", "--exit-zero").returncode == 0
    assert after.returncode == 0
    assert after.stdout.splitlines()[-1].startswith("complete, but for what no file can hold of 1")
    folder = geesync("status", "users/demo/deep")
    assert (folder.returncode, folder.stdout.splitlines()[-1]) == (0, "complete")
    told = json.loads(geesync("status", "users/demo/elevation", "--json").stdout)
    assert (told["complete"], told["not_complete"]) == (True, [])


def test_what_cannot_be_read_is_told_by_every_command(geesync: Run, forbidden: str) -> None:
    foreseen = geesync("enqueue", "users/demo", "--dry-run")
    geesync("enqueue", "users/demo")
    synced = geesync("sync", "--once")

    assert f"unreadable {forbidden}" in foreseen.stdout
    assert foreseen.stdout.splitlines()[-1] == "partial: 1 line above could not be read"
    for told in (foreseen, synced, geesync("status"), geesync("check")):
        assert told.returncode == ExitCode.INCOMPLETE
    assert "cannot be read" in geesync("status").stdout.splitlines()[-1]
    assert f"! {forbidden}: not readable at the last scan: HTTP 404" in geesync("check").stdout
    assert geesync("retry", "--all").stdout.splitlines()[0] == (
        "1 asset could not be read: a scan asks for them now"
    )
    (line,) = geesync("ls", "--unreadable").stdout.splitlines()
    assert line.startswith(f"quarantined {forbidden}")
    assert geesync("status", "users/demo/scenes").returncode == 0


@pytest.mark.parametrize(
    ("refused", "left"),
    [
        ({"method": "DELETE", "path": "elevation"}, "1 object left in the bucket (The caller"),
        ({"method": "GET", "path": "prefix="}, "demo-bucket not looked into ("),
    ],
)
def test_a_single_sync_that_may_not_sweep_says_what_is_left_and_what_to_do(
    geesync: Run, simulator: Simulator, refused: dict[str, str], left: str
) -> None:
    geesync("enqueue", "users/demo/elevation")
    geesync("sync", "--once", GEESYNC_STORAGE__SWEEP="false")

    simulator.faults.add("status", server="storage", status=403, count=None, **refused)
    synced = geesync("sync", "--once")
    simulator.faults.clear()

    told = synced.stderr.splitlines()[-1]
    assert synced.returncode == ExitCode.INCOMPLETE
    assert left in told
    assert told.endswith(
        "let geesync list and delete there (real-account.md), or set storage.sweep = false"
    )
    assert geesync("sync", "--once").returncode == 0


def test_a_single_sync_tells_by_itself_that_all_is_here_and_only_if_it_is(
    geesync: Run, tmp_path: Path, forbidden: str, simulator: Simulator
) -> None:
    told = tmp_path / "told"
    with (tmp_path / "geesync.toml").open("a") as config:
        config.write(f'[notify]\ncommand = ["sh", "-c", "cat >> {told}; echo >> {told}"]\n')
    geesync("enqueue", forbidden.rpartition("/")[0])
    geesync("sync", "--once")
    first = [json.loads(line)["kind"] for line in told.read_text().splitlines() if line]
    told.unlink()

    simulator.world.permissions.clear()
    geesync("sync", "--once")

    assert set(first) == {"unreadable", "quarantined"}
    assert [json.loads(line)["kind"] for line in told.read_text().splitlines() if line] == [
        "complete"
    ]


def test_assets_are_listed_by_name_with_what_is_not_as_it_should_be(
    geesync: Run, tmp_path: Path
) -> None:
    geesync("enqueue", "users/demo", "projects/demo-project")
    geesync("sync", "--once")

    left = [json.loads(line) for line in geesync("ls", "--left-out", "--json").stdout.splitlines()]
    files = geesync("ls", "users/demo/elevation", "--files").stdout.splitlines()

    assert [one["asset"] for one in left] == ["projects/demo-project/assets/forest"]
    assert "CLASSIFIER" in left[0]["left_out"]
    geesync("check", "--lists", f"{tmp_path}/l")
    assert (tmp_path / "l/metadataOnly.txt").read_text() == f"{left[0]['asset']}\n"
    assert "forest" not in (tmp_path / "l/validImages.txt").read_text()
    assert files[0].startswith("verified    users/demo/elevation  IMAGE")
    assert any("elevation.tif" in line for line in files[1:])
    assert len(geesync("ls", "users/demo/scenes").stdout.splitlines()) > 1
    assert geesync("ls", "--state", "gone").stdout == ""
    assert geesync("ls", "users/nobody").returncode == ExitCode.USAGE
    assert geesync("ls", "--state", "lost").returncode == ExitCode.USAGE
