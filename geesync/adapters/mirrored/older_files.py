"""Pixels of an image from files that other scripts exported, in place of Earth Engine's answers.

Nothing of them is believed: they are compared with Earth Engine's when they are written. Imports
rasterio.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.crs import CRS
from rasterio.errors import CRSError

from geesync.adapters.formats.gdal import reading, window
from geesync.adapters.formats.rasters import same_crs
from geesync.domain.assets.asset import Band
from geesync.domain.assets.grid import Grid, spelled_out
from geesync.domain.direct.fields import MARKED_TYPE, OUTSIDE, Field, Kind
from geesync.domain.mirror.coverage import Tile
from geesync.domain.mirror.older_exports import UnfitError
from geesync.errors import Cause, RemoteError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from geesync.adapters.formats.npy import Arrays

    #: (values, whether they are valid), both (height, width).
    Pixels = tuple[NDArray[Any], NDArray[np.bool_]]

_HALF_BITS = 32


@dataclass(frozen=True)
class OlderFiles:
    """The files of one image."""

    grid: Grid  #: the image's
    places: Mapping[Path, Tile]  #: where each lies in it, perhaps beyond its edges
    numbers: Mapping[str, int]  #: of bands in the files, from 1, by their ids
    tells_masks: bool  #: whether they mark what is masked

    async def pixels(
        self, asset: str, revision: str, fields: Sequence[Field], grid: Grid
    ) -> Arrays:
        """Return fields of the image on the grid of a tile. Raises RemoteError INTEGRITY."""
        _ = asset, revision
        column, row = _offset(self.grid, grid.transform)
        tile = Tile(row, column, grid.height, grid.width)
        bands = {band: self._band(band, tile) for band in {field.band for field in fields}}
        return {field: _made(field, *bands[field.band]) for field in fields}

    def is_ambiguous(self) -> bool:
        """Whether pixels may be masked, for all that the files tell: such are written as zeros.

        Raises RemoteError INTEGRITY if a file cannot be read.
        """
        return not self.tells_masks and any(map(_holds_zeros, self.places))

    def _band(self, band: str, tile: Tile) -> Pixels:
        found: Pixels | None = None
        filled = np.zeros((tile.height, tile.width), int)
        for path, place in self.places.items():
            if (both := _common(tile, place)) is None:
                continue
            number, in_file = self.numbers[band], window(both, place)
            with _opened(path) as dataset:
                values = dataset.read(number, window=in_file)
                valid = dataset.read_masks(number, window=in_file) > 0
            if found is None:
                found = np.zeros(filled.shape, values.dtype), np.zeros(filled.shape, bool)
            rows, columns = window(both, tile).toslices()
            found[0][rows, columns], found[1][rows, columns] = values, valid
            filled[rows, columns] += 1
        if found is None or not (filled == 1).all():
            raise RemoteError(Cause.INTEGRITY, "the files do not hold every pixel once")
        return found


def look(paths: Iterable[Path], bands: Sequence[Band]) -> OlderFiles:
    """Return the files of an image; bands: its own, that are to be found in them.

    Only headers are read. Raises UnfitError if they are not all of it, on its grid, in types that
    hold its values.
    """
    grids = {band.grid for band in bands}
    if len(grids) != 1:
        raise UnfitError(f"its bands lie on {len(grids)} grids, and files have one")
    (grid,) = grids
    places: dict[Path, Tile] = {}
    numbers: list[dict[str, int]] = []
    marks: list[bool] = []
    for path in paths:
        with _opened(path) as dataset:
            places[path] = _place(dataset, grid)
            numbers.append(_numbers(dataset, bands))
            all_valid = rasterio.enums.MaskFlags.all_valid
            marks.append(not all(all_valid in flags for flags in dataset.mask_flag_enums))
    if any(number != numbers[0] for number in numbers):
        raise UnfitError("the bands of its files differ")
    within = [_common(Tile(0, 0, grid.height, grid.width), place) for place in places.values()]
    if sum(both.height * both.width for both in within if both) != grid.pixels:
        raise UnfitError("its files are not all there, or overlap")
    return OlderFiles(grid, places, numbers[0], all(marks))


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    with reading(path.name), rasterio.open(path, driver="GTiff") as dataset:
        yield dataset


def _place(dataset: Any, grid: Grid) -> Tile:
    """Return where a file lies in a grid. Raises UnfitError if its pixels are not the grid's."""
    try:
        same = same_crs(dataset.crs, CRS.from_user_input(spelled_out(grid.crs)))
    except CRSError:
        same = False
    if not same:
        raise UnfitError(f"its files are in another CRS than {grid.crs[:40]}")
    transform = tuple(dataset.transform)[:6]
    column, row = _offset(grid, transform)
    x, y = Affine(*grid.transform) * (column, row)
    a, b, _, d, e, _ = grid.transform
    there = Grid(grid.crs, (a, b, x, d, e, y), dataset.width, dataset.height)
    if not there.same_place(transform):
        raise UnfitError("the pixels of its files lie elsewhere than its own")
    return Tile(row, column, dataset.height, dataset.width)


def _offset(grid: Grid, transform: Sequence[float]) -> tuple[int, int]:
    """Return (column, row) of the pixel of a grid in which another begins."""
    column, row = ~Affine(*grid.transform) * (transform[2], transform[5])
    return round(column), round(row)


def _numbers(dataset: Any, bands: Sequence[Band]) -> dict[str, int]:
    named = {name: number for number, name in enumerate(dataset.descriptions, start=1) if name}
    if not named and dataset.count == len(bands):
        named = {band.id: number for number, band in enumerate(bands, start=1)}
    for band in bands:
        if band.id not in named:
            raise UnfitError(f"its files have no band {band.id}")
        held = np.dtype(dataset.dtypes[named[band.id] - 1])
        if not _can_hold(held, np.dtype(band.exact_type)):
            raise UnfitError(f"its files are {held}, which does not hold {band.id}")
    return {band.id: named[band.id] for band in bands}


def _can_hold(held: np.dtype[Any], kind: np.dtype[Any]) -> bool:
    is_rounded = held.kind == "f" and kind == np.int64  # which numpy calls safe
    return np.can_cast(kind, held, "safe") and not is_rounded


def _holds_zeros(path: Path) -> bool:
    with _opened(path) as dataset:
        return any(
            bool((np.nan_to_num(dataset.read(window=block)) == 0).any())
            for _, block in dataset.block_windows(1)
        )


def _common(one: Tile, other: Tile) -> Tile | None:
    """Return where two tiles of one grid meet."""
    row, column = max(one.row, other.row), max(one.column, other.column)
    height = min(one.row + one.height, other.row + other.height) - row
    width = min(one.column + one.width, other.column + other.width) - column
    return Tile(row, column, height, width) if height > 0 and width > 0 else None


def _made(field: Field, values: NDArray[Any], valid: NDArray[np.bool_]) -> NDArray[Any]:
    """Return a field as Earth Engine answers it; raises RemoteError for what the band cannot be."""
    if field.kind in _OF_MASKS:
        return valid.astype(field.pixel_type)
    clean = np.where(valid, values, 0)
    if field.kind in _HALVES:
        return _HALVES[field.kind](clean.astype(np.int64)).astype(field.pixel_type)
    converted = clean.astype(field.pixel_type)
    if not np.array_equal(converted, clean, equal_nan=clean.dtype.kind == "f"):
        raise RemoteError(Cause.INTEGRITY, f"its files hold what {field.band} cannot")
    if field.kind == Kind.MARKED:
        return np.where(valid, converted.astype(MARKED_TYPE), OUTSIDE)
    return converted


_OF_MASKS = frozenset({Kind.VALID, Kind.MASK})
_HALVES: Mapping[Kind, Callable[[NDArray[Any]], NDArray[Any]]] = {
    Kind.HIGH: lambda whole: whole >> _HALF_BITS,
    Kind.LOW: lambda whole: whole & (2**_HALF_BITS - 1),
}
