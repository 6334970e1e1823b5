"""``python -m tests.benchmarks.functions``: measures them, and prints a table."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

if __name__ == "__main__":
    # The ordinary tests do not find them: their names are not those of tests.
    found = ["-o", "python_files=bench_*.py", "-o", "python_functions=bench_*"]
    alone = ["-q", "-p", "no:randomly", "-p", "no:xdist", "--benchmark-columns=min,median,rounds"]
    sys.exit(pytest.main([*found, *alone, str(Path(__file__).parent), *sys.argv[1:]]))
