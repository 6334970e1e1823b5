"""Which tiles are read a second time: a share that nobody chooses, the same however often asked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

from geesync.domain.mirror.coverage import Tile

_RANGE = 2**64


def chosen(share: float, asset: str, revision: str, tiles: Iterable[Tile]) -> Iterator[Tile]:
    """Yield about a share (0 to 1) of an image's tiles."""
    for tile in tiles:
        told = f"{asset}@{revision}#{tile.row},{tile.column}"
        digest = hashlib.sha256(told.encode()).digest()
        if int.from_bytes(digest[:8], "big") < share * _RANGE:
            yield tile
