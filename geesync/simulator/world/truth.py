"""What a copy of an asset should be, and how far given GeoTIFF files are from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import rasterio
from rasterio.io import DatasetReader

from geesync.simulator.computing.images import Pixels, all_pixels
from geesync.simulator.computing.projections import aligned
from geesync.simulator.world.pixels import MaskArray, PixelArray, SimAsset, SimBand, SimGrid


@dataclass
class BandCheck:
    """How the copy of one band compares with the truth; all counts are pixels."""

    band: str
    pixels: int  #: of the band
    covered: int = 0  #: found in exactly one file
    wrong: int = 0  #: valid, but of another value in the file
    lost: int = 0  #: valid, but marked as masked in the file
    unmarked: int = 0  #: masked, but not marked so in the file
    strangers: list[str] = field(default_factory=list)  #: files whose pixels are elsewhere

    @property
    def exact(self) -> bool:
        """Whether every valid pixel is there once, in its place and with its value."""
        whole = self.covered == self.pixels and not self.strangers
        return whole and not self.wrong and not self.lost

    @property
    def masks_kept(self) -> bool:
        """Whether the files also tell which pixels are masked."""
        return not self.unmarked and not self.lost


def truth(asset: SimAsset, band_id: str) -> Pixels:
    """Return (values, mask) of a band, both of shape (height, width).

    Raises KeyError if the asset has no such band.
    """
    return all_pixels(_band(asset, band_id))


def compare(files: Iterable[Path], asset: SimAsset) -> list[BandCheck]:
    """Compare the GeoTIFF files of an image, all of its parts and tiles, with its bands.

    A file's band is found by its description; the mask is taken from the nodata tag.
    """
    paths = list(files)
    return [_check(band, paths) for band in asset.bands]


def _check(band: SimBand, files: Sequence[Path]) -> BandCheck:
    check = BandCheck(band.id, band.grid.width * band.grid.height)
    found = np.zeros((band.grid.height, band.grid.width), np.uint8)
    values, mask = all_pixels(band)
    for file in files:
        with rasterio.open(file) as dataset:
            for index in _indexes(dataset, band.id):
                place = _place(band.grid, dataset)
                if place is None:
                    check.strangers.append(str(file))
                    continue
                found[place] += 1
                copied, marked = _read(dataset, index)
                _count(check, values[place], mask[place], copied, marked)
    check.covered = int((found == 1).sum())
    return check


def _count(
    check: BandCheck, values: PixelArray, mask: MaskArray, copied: PixelArray, marked: PixelArray
) -> None:
    """Add the pixels of one file; ``marked`` is where the file says that they are masked."""
    valid = mask > 0
    same = (copied == values) | (np.isnan(_floats(copied)) & np.isnan(_floats(values)))
    check.wrong += int((valid & ~marked & ~same).sum())
    check.lost += int((valid & marked).sum())
    check.unmarked += int((~valid & ~marked).sum())


def _floats(values: PixelArray) -> PixelArray:
    return values if values.dtype.kind == "f" else values.astype(np.float64)


def _indexes(dataset: DatasetReader, band_id: str) -> Iterator[int]:
    return (index for index, name in enumerate(dataset.descriptions, 1) if name == band_id)


def _place(grid: SimGrid, dataset: DatasetReader) -> tuple[slice, slice] | None:
    """Return (rows, columns) of a file's pixels in a grid; None if they are not in it."""
    crs = dataset.crs.to_wkt() if dataset.crs else grid.crs
    transform = tuple(dataset.transform)[:6]
    position = aligned(grid, SimGrid(crs, transform, dataset.width, dataset.height))
    if position is None or dataset.crs is None:
        return None
    row, column = position
    below, right = row + dataset.height, column + dataset.width
    if row < 0 or column < 0 or below > grid.height or right > grid.width:
        return None
    return slice(row, below), slice(column, right)


def _read(dataset: DatasetReader, index: int) -> tuple[PixelArray, PixelArray]:
    """Return (values, where they are marked as masked) of a file's band."""
    values: PixelArray = dataset.read(index)
    no_data = dataset.nodatavals[index - 1]
    if no_data is None:
        return values, np.zeros(values.shape, bool)
    return values, np.isnan(values) if np.isnan(no_data) else values == no_data


def _band(asset: SimAsset, band_id: str) -> SimBand:
    for band in asset.bands:
        if band.id == band_id:
            return band
    raise KeyError(band_id)
