"""Files made of an image's taken ones: written by GDAL, and compared with those, pixel by pixel.

Imports rasterio.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geesync.adapters.formats.cogs import writing
from geesync.adapters.formats.gdal import reading, window, without_notes
from geesync.adapters.formats.rasters import same_crs
from geesync.domain.mirror.coverage import Tile
from geesync.domain.mirror.vrt import Placed
from geesync.errors import Cause, RemoteError

#: Pixels of all bands that are held at a time, of either side; blocks have an edge of 256 or more.
_MOST_PIXELS, _EDGE = 8 * 1024**2, 256


def make_cog(tiles: str, target: Path) -> None:
    """Write a cloud-optimised GeoTIFF of a virtual raster, with its mask.

    tiles: text of the virtual raster. Overviews take the nearest pixel, since no mean of classes
    is a class. Raises RemoteError DISK if it cannot be written: what it is made of is proved.
    """
    with writing(target.name) as rasterio:
        rasterio.shutil.copy(
            tiles,
            target,
            driver="COG",
            compress="DEFLATE",
            bigtiff="IF_SAFER",
            overview_resampling="NEAREST",
        )


@dataclass(frozen=True)
class Taken:
    """What an image's part came as: the files that were proved."""

    data: Placed
    masks: Sequence[Placed]  #: parts with the masks of its bands: of none of them, or of each
    where: Callable[[str], Path]  #: a file is now, by its final name

    def compare(self, made: str | Path, name: str, bands: Sequence[str] = ()) -> None:
        """Compare what was made of them: pixels, masks, place, type and CRS.

        made: a file, or the text of a virtual raster. bands: only these are in it. Raises
        RemoteError INTEGRITY for the first difference, DISK if they cannot be read any more.
        """
        import rasterio  # noqa: PLC0415 # GDAL takes longer to load than most commands to run

        wanted = tuple(bands or self.data.part.bands)
        with reading(name, Cause.DISK), rasterio.open(made) as dataset:
            for differs in self._differences(dataset, wanted):
                raise RemoteError(Cause.INTEGRITY, f"{name} is not its files: {differs}")

    def share_a_mask(self) -> bool:
        """Whether the same pixels of all bands are masked: a GeoTIFF has one mask for them all."""
        bands = self.data.part.bands
        if not self.masks or len(bands) == 1:
            return True
        if any(set(bands) - set(mask.part.bands) for mask in self.masks):
            return False
        with without_notes():
            valid = (
                block.taken.read(block.numbers, window=block.window) > 0
                for mask in self.masks
                for block in self._blocks(mask, bands)
            )
            return all((one == one[0]).all() for one in valid)

    def _differences(self, dataset: Any, bands: tuple[str, ...]) -> Iterator[str]:
        import numpy as np  # noqa: PLC0415 # as rasterio is

        yield from _header(dataset, self.data, bands)
        for block in self._blocks(self.data, bands):
            if not same_crs(dataset.crs, block.taken.crs):
                yield f"CRS {dataset.crs}, not {block.taken.crs}"
            there = block.taken.read(block.numbers, window=block.window)
            here = dataset.read(block.made, window=block.place)
            if not np.array_equal(there, here, equal_nan=there.dtype.kind == "f"):
                yield f"pixels of {block.file}"
            valid = block.taken.read_masks(block.numbers, window=block.window)
            if not self.masks and not np.array_equal(valid, _valid(dataset, block)):
                yield f"masked pixels of {block.file}"
        for mask in self.masks:
            for block in self._blocks(mask, bands):
                valid = block.taken.read(block.numbers, window=block.window) > 0
                if not np.array_equal(valid, _valid(dataset, block) > 0):
                    yield f"masked pixels of {block.file}"

    def _blocks(self, placed: Placed, bands: tuple[str, ...]) -> Iterator[_Block]:
        """Yield all of a part's files that hold any of the bands, a piece at a time."""
        import rasterio  # noqa: PLC0415 # as above

        for file, tile in placed.tiles.items():
            held = [band for band in bands if band in placed.bands(file)]
            numbers = [placed.bands(file).index(band) + 1 for band in held]
            made = [bands.index(band) + 1 for band in held]
            if held:
                with rasterio.open(self.where(file), driver="GTiff") as taken:
                    for here, place in _windows(tile, len(held)):
                        yield _Block(file, taken, numbers, made, here, place)


@dataclass(frozen=True)
class _Block:
    """Some pixels of a taken file, and where they are in what was made of it."""

    file: str
    taken: Any  #: the open file
    numbers: list[int]  #: of bands in it, from 1
    made: list[int]  #: of the same bands in what was made
    window: Any
    place: Any


def _valid(dataset: Any, block: _Block) -> Any:
    return dataset.read_masks(block.made, window=block.place)


def _windows(tile: Tile, bands: int) -> Iterator[tuple[Any, Any]]:
    """Yield (window in the tile's file, window in the whole), few enough to be small."""
    edge = max(math.isqrt(_MOST_PIXELS // bands) // _EDGE, 1) * _EDGE
    for piece in tile.cut(edge, edge):
        yield window(piece, tile), window(piece)


def _header(dataset: Any, data: Placed, bands: tuple[str, ...]) -> Iterator[str]:
    part, grid = data.part, data.part.grid
    assert grid is not None
    transform = tuple(dataset.transform)[:6]
    sentinel = None if part.sentinel is None else float(part.sentinel)  # as rasterio tells it
    attributes = {
        "size": ((dataset.height, dataset.width), (grid.height, grid.width)),
        "bands": (dataset.descriptions, bands),
        "types": (set(dataset.dtypes), {part.pixel_type}),
        "nodata": (set(map(str, dataset.nodatavals)), {str(sentinel)}),
    }
    yield from (
        f"{what} {here}, not {meant}" for what, (here, meant) in attributes.items() if here != meant
    )
    if not grid.same_place(transform):
        yield f"transform {transform}, not {grid.transform}"
