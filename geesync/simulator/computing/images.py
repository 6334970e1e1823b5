"""Images as values: bands that are read only where, and only when, pixels are asked for.

As in Earth Engine, the output pulls: a band is asked for its pixels on a given grid, and
whatever lies on other pixels is sampled by nearest neighbour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeVar

import numpy as np

from geesync.simulator.computing.pixel_types import PixelType
from geesync.simulator.computing.projections import (
    Floats,
    Projection,
    aligned,
    pixels_under,
    shared,
)
from geesync.simulator.refusals import RESOURCE_EXHAUSTED, ExportRefused
from geesync.simulator.world.pixels import MaskArray, PixelArray, SimBand, SimGrid

MOST_BETWEEN = 10**8  #: pixels of a projection on the way that may be needed at a time


class Pixels(NamedTuple):
    """What is on a grid, of its shape (height, width); in values, the axes of arrays follow."""

    values: PixelArray
    mask: MaskArray  #: 0 = masked … 1 = valid


T = TypeVar("T")

Read = Callable[[SimGrid], Pixels]


@dataclass(frozen=True)
class Band:
    """One band of an image."""

    id: str
    type: PixelType
    projection: Projection
    extent: SimGrid | None  #: where there may be pixels; None = everywhere
    read: Read
    array_dimensions: int = 0


@dataclass(frozen=True)
class Image:
    """An image; its bands may differ in everything."""

    bands: tuple[Band, ...]
    properties: Mapping[str, Any] = field(default_factory=dict)
    id: str = ""  #: of the asset that it was loaded from

    def of(self, bands: Iterable[Band]) -> Image:
        """Return an image of other bands that is otherwise the same."""
        return replace(self, bands=tuple(bands))

    def band(self, index: int) -> Band:
        """Return the band that goes with band ``index`` of another: a single one with all."""
        return self.bands[index if len(self.bands) > 1 else 0]


def all_pixels(band: SimBand) -> Pixels:
    """Return what a band of an asset holds, made anew."""
    values, mask = band.load()
    return Pixels(values, np.ones(values.shape, np.float32) if mask is None else mask)


def stored_band(band: SimBand, load: Callable[[], Pixels]) -> Band:
    """Return a band of an asset; ``load`` gives all its pixels."""
    kind = PixelType(band.precision, band.value_range if band.precision == "INT" else None)
    projection = Projection(band.grid.crs, band.grid.transform)

    def read(target: SimGrid) -> Pixels:
        values, mask = take(load(), band.grid, target)
        # A declared range that does not hold changes no pixel, until it is cast.
        return Pixels(values if kind.is_broken_by(values) else kind.convert(values), mask)

    return Band(band.id, kind, projection, band.grid, read, band.array_dimensions)


def constant_band(value: float) -> Band:
    """Return a band of one value everywhere, on the pixels of the whole world in degrees."""
    if isinstance(value, int) or value.is_integer():
        kind = PixelType("INT", (int(value), int(value)))
    else:
        kind = PixelType("DOUBLE")

    def read(target: SimGrid) -> Pixels:
        shape = (target.height, target.width)
        return Pixels(np.full(shape, value, kind.held), np.ones(shape, np.float32))

    return Band("constant", kind, Projection("EPSG:4326"), None, read)


def take(pixels: Pixels, grid: SimGrid, target: SimGrid) -> Pixels:
    """Return the pixels of ``grid`` that lie under a target; masked and 0 outside of it."""
    position = aligned(grid, target)
    if position is None:
        rows, columns = pixels_under(Projection(grid.crs, grid.transform), target)
        within = _within(grid, rows, columns)
        found = rows[within].astype(np.intp), columns[within].astype(np.intp)
        return Pixels(*(_scattered(array[found], within) for array in pixels))
    return Pixels(*(_cut(array, *position, target) for array in pixels))


def _scattered(values: PixelArray, where: PixelArray) -> PixelArray:
    array = np.zeros(where.shape + values.shape[1:], values.dtype)
    array[where] = values
    return array


def _cut(array: PixelArray, row: int, column: int, target: SimGrid) -> PixelArray:
    top, left = max(row, 0), max(column, 0)
    part = array[top : max(row + target.height, 0), left : max(column + target.width, 0)]
    if part.shape[:2] == (target.height, target.width):
        return part
    cut = np.zeros((target.height, target.width, *array.shape[2:]), array.dtype)
    down, right = top - row, left - column
    cut[down : down + part.shape[0], right : right + part.shape[1]] = part
    return cut


def reprojected(band: Band, projection: Projection) -> Band:
    """Return a band that is sampled on the pixels of a projection, whoever reads it."""

    def read(target: SimGrid) -> Pixels:
        if aligned(projection, target) is not None:
            return band.read(target)
        rows, columns = pixels_under(projection, target)
        valid = np.isfinite(rows) & np.isfinite(columns)
        if not valid.any():
            return band.read(target)
        top, left = int(rows[valid].min()), int(columns[valid].min())
        height, width = int(rows[valid].max()) - top + 1, int(columns[valid].max()) - left + 1
        if height * width > MOST_BETWEEN:
            raise ExportRefused(RESOURCE_EXHAUSTED, "User memory limit exceeded.")
        between = projection.grid(left, top, width, height)
        return take(band.read(between), between, target)

    return replace(band, read=read, projection=projection)


def over(mask: PixelArray, values: PixelArray) -> PixelArray:
    """Return what is of each pixel in a shape that goes with values, arrays or not."""
    return mask.reshape(mask.shape + (1,) * (values.ndim - mask.ndim))


def combined(
    kind: PixelType,
    change: Callable[..., PixelArray],
    *bands: Band,
    array_dimensions: int | None = None,
) -> Band:
    """Return a band calculated from others, masked as far as any of them is.

    change: is given the values of all of them: whole numbers as 64-bit integers, others as
    doubles. The result is named and placed like the first band that has an end, or else the
    first; it ends where one of them ends.
    """
    most = max(band.array_dimensions for band in bands)
    place = next((band for band in bands if band.extent is not None), bands[0])

    def read(target: SimGrid) -> Pixels:
        pixels = [band.read(target) for band in bands]
        with np.errstate(all="ignore"):
            values = change(*(_widened(each.values, most) for each in pixels))
        mask = np.minimum.reduce([each.mask for each in pixels])
        return Pixels(kind.convert(np.asarray(values)), mask)

    dimensions = most if array_dimensions is None else array_dimensions
    extent = _common_extent(band.extent for band in bands)
    return Band(bands[0].id, kind, place.projection, extent, remembered(read), dimensions)


def _widened(values: PixelArray, array_dimensions: int) -> PixelArray:
    exact = np.int64 if values.dtype.kind in "iub" else np.float64
    missing = array_dimensions + 2 - values.ndim
    return values.reshape(values.shape + (1,) * missing).astype(exact, copy=False)


def _common_extent(extents: Iterable[SimGrid | None]) -> SimGrid | None:
    common: SimGrid | None = None
    for extent in extents:
        if common is None or extent is None:
            common = common or extent
        elif aligned(common, extent) is not None:
            common = shared(common, extent)
    return common


def remembered(read: Callable[[SimGrid], T]) -> Callable[[SimGrid], T]:
    """Return a read that keeps its last answer: a band may be needed by several others."""
    last: list[tuple[SimGrid, T]] = []

    def again(target: SimGrid) -> T:
        if not last or last[0][0] != target:
            last[:] = [(target, read(target))]
        return last[0][1]

    return again


def one_of(made: Callable[[SimGrid], list[Pixels]], index: int) -> Read:
    """Return the read of one of several bands that are made at once."""
    return lambda target: made(target)[index]


def cast(kind: PixelType, band: Band) -> Band:
    """Return a band of another type; see ``PixelType.convert``."""

    def read(target: SimGrid) -> Pixels:
        values, mask = band.read(target)
        return Pixels(kind.convert(values), mask)

    return replace(band, read=read, type=kind)


def inside(extent: SimGrid, target: SimGrid) -> PixelArray:
    """Return which pixels of a target lie in an extent, of the target's shape."""
    rows, columns = pixels_under(Projection(extent.crs, extent.transform), target)
    return _within(extent, rows, columns)


def _within(grid: SimGrid, rows: Floats, columns: Floats) -> PixelArray:
    rows_fit = (rows >= 0) & (rows < grid.height)
    return rows_fit & (columns >= 0) & (columns < grid.width)
