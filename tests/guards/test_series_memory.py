"""What a fit takes of memory: some blocks, and none of it more for a larger tile."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SLACK_BYTES = 60_000_000
MOST_BYTES = 500_000_000


def fitted(edge: int, folder: Path) -> dict[str, Any]:
    argv = [sys.executable, "-m", "tests.series.memory_script", str(edge), "16", str(folder)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=240, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.slow
def test_memory_does_not_grow_with_the_tile(tmp_path: Path) -> None:
    small, large = fitted(768, tmp_path), fitted(1536, tmp_path)

    assert large["peak_bytes"] < small["peak_bytes"] + SLACK_BYTES
    assert large["peak_bytes"] < MOST_BYTES
    assert large["progress"] == [[done, 36] for done in range(1, 37)]
