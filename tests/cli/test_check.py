"""``geesync check``, as a script sees it."""

from __future__ import annotations

import json
from pathlib import Path

from geesync.errors import ExitCode
from geesync.simulator.simulator import Simulator
from tests.cli.conftest import Run


def test_a_check_tells_writes_its_lists_and_has_the_bad_fetched_again(
    geesync: Run, tmp_path: Path
) -> None:
    geesync("enqueue", "users/demo")
    assert geesync("sync", "--once").returncode == 0
    assert geesync("check", "--read-data").returncode == 0
    image = tmp_path / "mirror/users/demo/elevation/elevation.tif"
    image.write_bytes(image.read_bytes()[:-1] + b"?")

    found = geesync(
        "check", "--read-data", "--combined", f"{tmp_path}/all", "--lists", f"{tmp_path}/l"
    )

    assert found.returncode == ExitCode.INCOMPLETE
    assert found.stdout.startswith("* users/demo/elevation: elevation.tif: CRC32C")
    lines = (tmp_path / "all").read_text().splitlines()
    assert "* users/demo/elevation" in lines
    assert "= users/demo/scenes" in lines
    assert (tmp_path / "l/invalidImages.txt").read_text() == "users/demo/elevation\n"
    assert "users/demo/scenes\n" in (tmp_path / "l/validFolders.txt").read_text()
    assert geesync("check").returncode == 0  # its size is right

    mended = geesync("check", str(image), "--read-data-subset", "100%", "--repair", "--json")

    flaw, summary = (json.loads(line) for line in mended.stdout.splitlines())
    assert flaw["repair"].startswith("to be fetched again; the old file is in")
    assert summary["summary"]["differs"] == 1
    assert geesync("sync", "--once").returncode == 0
    assert geesync("check", "--read-data").returncode == 0


def test_what_cannot_be_checked_is_refused_in_one_line(geesync: Run, tmp_path: Path) -> None:
    assert geesync("check").returncode == ExitCode.LEDGER
    geesync("enqueue", "users/demo")

    for arguments in (["users/nobody"], ["--max-duration", "soon"], ["--read-data-subset", "5"]):
        refused = geesync("check", *arguments)
        assert refused.returncode == ExitCode.USAGE
        assert len(refused.stderr.splitlines()) == 1
    assert geesync("check", str(tmp_path)).returncode == ExitCode.USAGE


def test_pixels_are_compared_with_earth_engine_and_the_exit_code_says_so(geesync: Run) -> None:
    geesync("enqueue", "users/demo")
    assert geesync("sync", "--once").returncode == 0
    against = ("check", "--against-earth-engine")

    for told in (["--read-pixels"], ["--read-pixels", "20%"], ["--read-pixels", "users/demo"]):
        same = geesync(*against, *told)
        assert same.returncode == 0, told
        assert "pixels of 5 images compared with Earth Engine's" in same.stdout
    assert "pixels of" not in geesync(*against).stdout

    for told in (["check", "--read-pixels"], [*against, "--read-pixels=soon"]):
        refused = geesync(*told)
        assert refused.returncode == ExitCode.USAGE
        assert len(refused.stderr.splitlines()) == 1


def test_reading_pixels_ends_when_its_time_is_over_though_all_are_the_same(geesync: Run) -> None:
    geesync("enqueue", "users/demo")
    geesync("sync", "--once")
    reads = ("check", "--against-earth-engine", "--read-pixels", "all", "--json")

    ended = geesync(*reads, "--max-duration", "0.001s")

    summary = json.loads(ended.stdout)["summary"]
    assert summary["stopped"]
    assert summary["images_read"] <= 1


def test_an_asset_that_differs_at_earth_engine_is_in_one_list_only(
    geesync: Run, tmp_path: Path, simulator: Simulator
) -> None:
    geesync("enqueue", "users/demo")
    geesync("sync", "--once")
    simulator.world.touch("projects/earthengine-legacy/assets/users/demo/elevation")

    found = geesync(
        "check", "--against-earth-engine", "--combined", f"{tmp_path}/all", "--lists", f"{tmp_path}"
    )

    assert found.returncode == ExitCode.INCOMPLETE
    assert (tmp_path / "all").read_text().count("users/demo/elevation\n") == 1
    assert "users/demo/elevation" not in (tmp_path / "validImages.txt").read_text()
    assert (tmp_path / "invalidImages.txt").read_text() == "users/demo/elevation\n"
