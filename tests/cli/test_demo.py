"""``geesync demo``, as somebody runs it who wants to see what geesync does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_demo_shows_the_way_there_and_back(tmp_path: Path) -> None:
    place = tmp_path / "demo"

    done = subprocess.run(
        [sys.executable, "-m", "geesync", "demo", "--round-trip", "--dir", place],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "no daemon runs" not in done.stdout
    assert "every pixel and mask is exact" in done.stdout
    assert "31 freed" in done.stdout
    assert "31 of 31 proved" in done.stdout
    assert "31 assets freed and restored · all are as they were" in done.stdout
