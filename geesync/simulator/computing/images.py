"""Images as values: bands that are read only where, and only when, pixels are asked for.

As in Earth Engine, the output pulls: a band is asked for its pixels on a given grid, and
whatever lies on other pixels is sampled by nearest neighbour.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from affine import Affine
from rasterio.features import geometry_mask
from rasterio.warp import transform_geom

from geesync.simulator.computing.projections import (
    Floats,
    Geometry,
    Projection,
    aligned,
    pixels_under,
)
from geesync.simulator.refusals import RESOURCE_EXHAUSTED, ExportRefused
from geesync.simulator.world.pixels import (
    MaskArray,
    PixelArray,
    Precision,
    SimBand,
    SimGrid,
    smallest_type,
)

INT64 = np.iinfo(np.int64)
EXACT = 2**53  #: integers up to this are exact in 64-bit floats
MOST_BETWEEN = 10**8  #: pixels of a projection on the way that may be needed at a time
FLOAT_HOLDS = 2**24  #: integers up to this are exact in 32-bit floats
RANKS: tuple[Precision, ...] = ("INT", "FLOAT", "DOUBLE")


class Pixels(NamedTuple):
    """What is on a grid; both arrays have its shape (height, width)."""

    values: PixelArray
    mask: MaskArray  #: 0 = masked … 1 = valid


Read = Callable[[SimGrid], Pixels]


@dataclass(frozen=True)
class PixelType:
    """A band's type as declared: a precision, and for integers the range."""

    precision: Precision
    value_range: tuple[int, int] | None = None  #: (min, max), both inclusive

    @property
    def dtype(self) -> np.dtype[Any]:
        """What an export writes."""
        return smallest_type(self.precision, self.value_range)

    @property
    def held(self) -> np.dtype[Any]:
        """What is calculated with: as ``dtype``, but whole numbers of 64 bits stay exact."""
        low, high = self.value_range or (0, 0)
        wide = self.dtype.kind == "f" and self.precision == "INT"
        return np.dtype(np.int64) if wide and low >= INT64.min and high <= INT64.max else self.dtype

    def convert(self, values: PixelArray) -> PixelArray:
        """Return values as this type: fractions cut off, and ends of the range at its ends."""
        if self.value_range is None or (values.dtype == self.held and values.dtype.kind != "f"):
            return values.astype(self.held, copy=False)
        low, high = self.value_range
        if values.dtype.kind in "iub":
            own = np.iinfo(values.dtype if values.dtype.kind != "b" else np.uint8)
            bounds = min(max(low, own.min), own.max), min(max(high, own.min), own.max)
            clipped = values if bounds == (own.min, own.max) else np.clip(values, *bounds)
            return clipped.astype(self.held)
        whole = np.trunc(np.nan_to_num(values.astype(np.float64), posinf=np.inf, neginf=-np.inf))
        # The largest whole number of 64 bits is no double: the next one would wrap around.
        converted = np.clip(whole, low, np.nextafter(high, 0) if high > EXACT else high)
        return np.where(whole >= high, high, converted.astype(self.held))

    def union(self, other: PixelType) -> PixelType:
        """Return the type that holds the values of both."""
        first, second = sorted((self, other), key=lambda t: RANKS.index(t.precision))
        if second.value_range is not None and first.value_range is not None:
            low, high = zip(first.value_range, second.value_range, strict=True)
            return PixelType("INT", (min(low), max(high)))
        widest = max(map(abs, first.value_range or (0,)))
        return PixelType("DOUBLE") if widest > FLOAT_HOLDS else PixelType(second.precision)


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
        return Pixels(kind.convert(values), mask)

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
        inside = _within(grid, rows, columns)
        found = rows[inside].astype(np.intp), columns[inside].astype(np.intp)
        return Pixels(*(_scattered(array[found], inside) for array in pixels))
    return Pixels(*(_cut(array, *position, target) for array in pixels))


def _scattered(values: PixelArray, where: PixelArray) -> PixelArray:
    array = np.zeros(where.shape, values.dtype)
    array[where] = values
    return array


def _cut(array: PixelArray, row: int, column: int, target: SimGrid) -> PixelArray:
    top, left = max(row, 0), max(column, 0)
    part = array[top : max(row + target.height, 0), left : max(column + target.width, 0)]
    if part.shape == (target.height, target.width):
        return part
    cut = np.zeros((target.height, target.width), array.dtype)
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


def cast(kind: PixelType, band: Band) -> Band:
    """Return a band of another type; see ``PixelType.convert``."""

    def read(target: SimGrid) -> Pixels:
        values, mask = band.read(target)
        return Pixels(kind.convert(values), mask)

    return replace(band, read=read, type=kind)


def unmasked(band: Band, other: Band, *, same_footprint: bool) -> Band:
    """Return a band whose masked pixels are those of another band.

    The type is one that holds the values of both. same_footprint: not outside the extent.
    """
    kind = band.type.union(other.type)

    def read(target: SimGrid) -> Pixels:
        values, mask = band.read(target)
        fill = mask == 0
        if not fill.any():
            return Pixels(kind.convert(values), mask)
        new_values, new_mask = other.read(target)
        if same_footprint and band.extent is not None:
            fill &= _inside(band.extent, target)
        merged = np.where(fill, kind.convert(new_values), kind.convert(values))
        return Pixels(merged, np.where(fill, new_mask, mask))

    extent = band.extent if same_footprint else None
    return replace(band, read=read, type=kind, extent=extent)


def mask_of(band: Band) -> Band:
    """Return the mask as a band of floats from 0 to 1, valid everywhere."""

    def read(target: SimGrid) -> Pixels:
        mask = band.read(target).mask
        return Pixels(mask, np.ones_like(mask))

    return replace(band, read=read, type=PixelType("FLOAT"))


def mask_updated(band: Band, other: Band) -> Band:
    """Return a band with a new mask where it was not masked altogether."""

    def read(target: SimGrid) -> Pixels:
        values, mask = band.read(target)
        new_values, new_mask = other.read(target)
        new = np.clip(new_values, 0, 1) * (new_mask > 0)
        return Pixels(values, np.where(mask > 0, new, mask).astype(np.float32))

    return replace(band, read=read)


def clipped(band: Band, geometry: Geometry, extent: SimGrid) -> Band:
    """Return a band that is masked outside a geometry, which lies in ``extent``."""

    def read(target: SimGrid) -> Pixels:
        values, mask = band.read(target)
        shape = transform_geom(geometry.crs, target.crs, geometry.shape)
        inside = geometry_mask([shape], mask.shape, Affine(*target.transform), invert=True)
        return Pixels(values, (mask * inside).astype(np.float32))

    return replace(band, read=read, extent=extent)


def _inside(extent: SimGrid, target: SimGrid) -> PixelArray:
    """Return which pixels of a target lie in an extent, of the target's shape."""
    rows, columns = pixels_under(Projection(extent.crs, extent.transform), target)
    return _within(extent, rows, columns)


def _within(grid: SimGrid, rows: Floats, columns: Floats) -> PixelArray:
    rows_fit = (rows >= 0) & (rows < grid.height)
    return rows_fit & (columns >= 0) & (columns < grid.width)
