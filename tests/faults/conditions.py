"""What fault tests need of the machine; without it they are skipped, and say why."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting file systems needs root")
needs_strace = pytest.mark.skipif(
    shutil.which("strace") is None, reason="strace is not installed (apt install strace)"
)


def run(*command: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; its output is in the answer."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0 or not check, (words, done.stdout, done.stderr)
    return done


@contextmanager
def tmpfs(folder: Path, options: str) -> Iterator[Path]:
    """Mount a file system in memory; skips where that is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    if run("mount", "-t", "tmpfs", "-o", options, "tmpfs", folder, check=False).returncode:
        pytest.skip("mounting is not allowed here, though we are root")
    try:
        yield folder
    finally:
        run("umount", "-l", folder, check=False)  # a test may have done so


def python_under_strace(
    inject: str, script: Path, *arguments: str | Path, path: Path | None = None
) -> str:
    """Run a script of ours with a system call that fails or kills; return what it printed.

    inject: as strace's ``-e inject=``; path: only calls on this file are touched.
    """
    where = ["-P", str(path)] if path else []
    calls = inject.partition(":")[0]
    done = run(
        *("strace", "-f", "-qq", "-o", "/dev/null", *where, "-e", f"trace={calls}"),
        *("-e", f"inject={inject}", sys.executable, script, *arguments),
    )
    return done.stdout
