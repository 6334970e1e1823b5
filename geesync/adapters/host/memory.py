"""What glibc does with memory that is not needed any more.

Left alone it keeps whatever was once asked for, however large, and lets small things settle in
between: a scan, whose pages one thread reads and another forgets, grew by 90 bytes an asset.
"""

from __future__ import annotations

import ctypes

#: Larger blocks, as a listing's pages are, come from the system and go back to it at once. Pieces
#: of a download stay below: to have the system clear each of them costs a tenth of its time.
_LARGE_BYTES = 576 * 1024

#: So much may lie free at the end of the heap, to be used again.
_FREE_BYTES = 4 * 1024 * 1024

#: Heaps, of which each keeps some: threads that take turns at Python need none of their own.
_HEAPS = 2

_M_ARENA_MAX = -8  # as malloc.h has them
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3


def keep_little() -> None:
    """Have this process keep little of what it frees; see mallopt(3). Other C libraries do."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_ARENA_MAX, _HEAPS)
        libc.mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        libc.mallopt(_M_TRIM_THRESHOLD, _FREE_BYTES)
