"""The benchmarks start, measure and tell; what they find is not for a test to judge."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.report import Table, write


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not installed: apt install nginx")
@pytest.mark.skipif(not shutil.which("rclone"), reason="rclone is not installed")
def test_the_download_step_is_measured_beside_a_peer(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.benchmarks", "download", "--tiny", "--rounds", "1"]
    command += ["--peers", "rclone", "--memory", str(tmp_path), "--disk", str(tmp_path)]

    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert told.count("| geesync, running ") == told.count("| rclone copy ") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_fits_are_measured_beside_others(tmp_path: Path) -> None:
    pytest.importorskip("statsmodels", reason="pip install 'geesync[benchmarks]'")
    command = [sys.executable, "-m", "tests.benchmarks", "series", "--tiny", "--rounds", "1"]
    command += ["--memory", str(tmp_path), "--disk", str(tmp_path)]

    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert told.count("\n| ") == 1 + 4 + 1 + 2
    assert "nan" not in told


@pytest.mark.slow
def test_growth_is_measured_from_the_scan_to_the_last_answer(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="pip install 'geesync[benchmarks]'")
    command = [sys.executable, "-m", "tests.benchmarks.growth", "--sizes", "1000"]
    command += ["--idle-s", "0", "--folder", str(tmp_path), "--to", str(tmp_path / "page.md")]

    subprocess.run(command, capture_output=True, text=True, check=True)

    [size] = json.loads((tmp_path / "page.json").read_text())["sizes"]
    assert size["scan_requests"] < 20
    assert size["rescan_requests"] <= size["scan_requests"]
    assert size["done_bytes"] > size["found_bytes"] > 0


def test_who_measures_is_small_as_nothing_below_its_own_memory_can_be_seen() -> None:
    code = "import sys, tests.benchmarks.__main__; print(*sys.modules)"

    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert not {"numpy", "rasterio", "ee", "sqlalchemy"} & set(loaded.stdout.split())


def test_results_take_the_place_of_older_ones_and_of_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before <!-- results: x -->\nold\n<!-- end: x --> after")
    table = Table("a title", ("", "s"), [("geesync", "1.00")])

    write(page, "x", "the command", "a machine", [table])

    text = page.read_text()
    assert text.startswith("before ")
    assert text.endswith(" after")
    assert "old" not in text
    assert "| geesync | 1.00 |" in text
