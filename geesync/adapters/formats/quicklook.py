"""Small pictures of big GeoTIFFs: read sparsely, stretched to be seen, and never exact."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile

from geesync.adapters.formats.gdal import without_notes
from geesync.adapters.mirror_files.disk import Folder

#: Pixels of the longer side.
EDGE = 320
#: Where so many blocks would be read, fewer points are looked at instead: a bound on the time.
_MANY_BLOCKS = 3_000
_COARSE_EDGE = 48
_MOST_TILES = 64

#: What people expect to see: the first of these that an image has, as red, green and blue.
_COLOURS = (("B4", "B3", "B2"), ("SR_B4", "SR_B3", "SR_B2"), ("red", "green", "blue"))

#: A single band, from low to high: dark blue over green to pale yellow, readable in grey too.
_RAMP = np.array(
    [[24, 33, 66], [30, 84, 114], [37, 137, 122], [116, 186, 97], [233, 222, 120], [252, 248, 224]],
    dtype=np.float64,
)

Pixels = npt.NDArray[np.float64]


def quicklook(place: Folder, files: Sequence[str]) -> bytes | None:
    """Return a PNG of an image's tiles, at most EDGE pixels a side; None if they cannot be read.

    Files are opened in the folder, never through a link.
    """
    if not 0 < len(files) <= _MOST_TILES:
        return None
    try:
        with without_notes(), _opened(place, files) as tiles:
            pixels = _read(tiles)  # (band, row, col), NaN where masked
        return _png(_coloured(pixels))
    except (RasterioError, OSError, ValueError):
        return None


@contextmanager
def _opened(place: Folder, files: Sequence[str]) -> Iterator[list[Any]]:
    with ExitStack() as stack:
        descriptors = [stack.enter_context(place.opened(file, os.O_RDONLY)) for file in files]
        yield [
            stack.enter_context(rasterio.open(f"/proc/self/fd/{descriptor}", driver="GTiff"))
            for descriptor in descriptors
        ]


def _read(tiles: list[Any]) -> Pixels:
    """Read the tiles side by side, decimated."""
    west, south = min(t.bounds.left for t in tiles), min(t.bounds.bottom for t in tiles)
    east, north = max(t.bounds.right for t in tiles), max(t.bounds.top for t in tiles)
    bands = _bands(tiles[0])
    edge = _edge(tiles)
    scale = max(east - west, north - south) / edge
    height = max(1, round((north - south) / scale))
    width = max(1, round((east - west) / scale))
    pixels = np.full((len(bands), height, width), np.nan)
    for tile in tiles:
        top, left = (
            round((north - tile.bounds.top) / scale),
            round((tile.bounds.left - west) / scale),
        )
        rows = min(max(1, round((tile.bounds.top - tile.bounds.bottom) / scale)), height - top)
        columns = min(max(1, round((tile.bounds.right - tile.bounds.left) / scale)), width - left)
        if rows > 0 and columns > 0:
            part = tile.read(bands, out_shape=(len(bands), rows, columns), masked=True)
            pixels[:, top : top + rows, left : left + columns] = part.astype(np.float64).filled(
                np.nan
            )
    times = max(1, EDGE // (2 * edge))  # so that a coarse look is not shown as a stamp
    return pixels.repeat(times, axis=1).repeat(times, axis=2)


def _edge(tiles: list[Any]) -> int:
    blocks = sum(
        (tile.height // tile.block_shapes[0][0] + 1) * (tile.width // tile.block_shapes[0][1] + 1)
        for tile in tiles
    )
    has_overviews = all(tile.overviews(1) for tile in tiles)
    if has_overviews or blocks <= _MANY_BLOCKS:
        longest = max(max(tile.height, tile.width) for tile in tiles)
        return min(EDGE, longest) if len(tiles) == 1 else EDGE
    return _COARSE_EDGE


def _bands(tile: Any) -> list[int]:
    names = list(tile.descriptions)
    for wanted in _COLOURS:
        if all(name in names for name in wanted):
            return [names.index(name) + 1 for name in wanted]
    return [1, 2, 3] if tile.count == 3 else [1]  # noqa: PLR2004 # red, green, blue


def _coloured(pixels: Pixels) -> npt.NDArray[np.uint8]:
    """Return (red green blue alpha, row, col)."""
    there: npt.NDArray[np.bool_] = np.logical_and.reduce(np.isfinite(pixels), axis=0)
    stretched = _stretched(pixels, there)
    if len(stretched) == 1:
        steps = np.linspace(0, 1, len(_RAMP))
        stretched = np.stack([np.interp(stretched[0], steps, _RAMP[:, c]) for c in range(3)]) / 255
    alpha = there[np.newaxis].astype(np.float64)
    coloured: npt.NDArray[np.uint8] = np.rint(np.concatenate([stretched, alpha]) * 255).astype(
        np.uint8
    )
    return coloured


def _stretched(pixels: Pixels, there: npt.NDArray[np.bool_]) -> Pixels:
    """Spread what most pixels are over 0 to 1; all bands alike, so that colours stay true."""
    if not there.any():
        return np.zeros_like(pixels)
    low, high = np.percentile(pixels[:, there], (2, 98))
    spread = np.clip((pixels - low) / ((high - low) or 1.0), 0, 1)
    return np.where(there, spread, 0.0)


def _png(pixels: npt.NDArray[np.uint8]) -> bytes:
    count, height, width = pixels.shape
    profile = {
        "driver": "PNG",
        "count": count,
        "height": height,
        "width": width,
        "dtype": "uint8",
        # A picture has no place; without one rasterio warns.
        "transform": rasterio.Affine.scale(2, -2),
    }
    with MemoryFile() as memory:
        with memory.open(**profile) as dataset:
            dataset.write(pixels)
        picture: bytes = memory.read()
        return picture
