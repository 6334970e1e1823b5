"""The simulator's own benchmark starts, measures and tells; what it finds is not for a test."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_the_simulator_is_measured_by_its_exports_and_its_pages(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.benchmarks", "simulator", "--tiny"]
    command += ["--memory", str(tmp_path), "--disk", str(tmp_path)]

    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert "| exports of tiny images, into the bucket | " in told
    assert "| pages of listAssets, 20 images each " in told
    assert list(tmp_path.iterdir()) == []
