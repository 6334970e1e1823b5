"""Memory that was freed, as the system counts it."""

from __future__ import annotations

import os
from pathlib import Path

from geesync.adapters.host.memory import keep_little

LARGE_BYTES = 1024 * 1024
NUMBER = 64


def resident_bytes() -> int:
    """What of this process is in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def pages() -> list[bytearray]:
    """Fill memory with large blocks, forget them, and return what lay between."""
    large, between = [], []
    for _ in range(NUMBER):
        large.append(bytearray(LARGE_BYTES))
        between.append(bytearray(2000))
    return between


def test_large_blocks_go_back_to_the_system_whatever_lies_between_them() -> None:
    keep_little()
    before = resident_bytes()

    kept = [pages() for _ in range(3)]

    assert resident_bytes() - before < LARGE_BYTES * NUMBER // 4
    assert len(kept) == 3
