"""What all tests share: examples that are the same in every run, and files that cost no disk."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from pathlib import Path

from hypothesis import settings

# A run that fails must fail again; new examples are looked for on purpose, not by every run:
# pytest --hypothesis-profile=explore
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile("repeatable")

#: A file system in memory: half of a run would be waiting for the disk to sync.
MEMORY = Path("/dev/shm")  # noqa: S108 - folders with names of their own are made in it
ROOM_BYTES = 4 * 1024**3


# Temporary files of all processes lie in memory, unless told where, or if it is short.
if "TMPDIR" not in os.environ and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM_BYTES:
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


def pytest_collection_finish() -> None:
    """Have the collector of garbage pass over what was imported: it stays."""
    gc.collect()
    gc.freeze()
