"""Which tiles are read a second time: a share that nobody chooses, the same however often asked."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

from geesync.domain.direct.readings import Reading
from geesync.domain.mirror.coverage import Tile

#: A side of the tiles of a sample, in pixels: many small ones tell more than a large one.
_SAMPLE_PX = 512

#: Bits of a drawn number: as many as a float holds, so that none is 1.
_BITS = 53


def chosen(share: float, asset: str, revision: str, tiles: Iterable[Tile]) -> Iterator[Tile]:
    """Yield about a share (0 to 1) of an image's tiles."""
    return (tile for tile in tiles if _drawn(asset, revision, tile) < share)


def least_share(asset: str, revision: str, tiles: Iterable[Tile]) -> float:
    """Return the smallest share of an image of which a tile is chosen."""
    return math.nextafter(min(_drawn(asset, revision, tile) for tile in tiles), 2)


def sampled(reading: Reading, share: float, asset: str, seed: str) -> Iterator[Tile]:
    """Return tiles of about a share (0 to 1) of a reading's pixels, one at least; all of 1."""
    if share >= 1:
        return reading.tiles()
    height, width = min(reading.height, _SAMPLE_PX), min(reading.width, _SAMPLE_PX)
    tiles = list(replace(reading, height=height, width=width).shifted())
    return chosen(max(share, least_share(asset, seed, tiles)), asset, seed, tiles)


def _drawn(asset: str, revision: str, tile: Tile) -> float:
    seed = f"{asset}@{revision}#{tile.row},{tile.column}"
    digest = hashlib.sha256(seed.encode()).digest()
    number = int.from_bytes(digest[:8], "big") >> (64 - _BITS)
    return number / float(2**_BITS)
