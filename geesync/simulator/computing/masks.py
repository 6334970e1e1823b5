"""What can be done to the mask of a band."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from affine import Affine
from rasterio.features import geometry_mask
from rasterio.warp import transform_geom

from geesync.simulator.computing.images import Band, Pixels, inside, over
from geesync.simulator.computing.pixel_types import FLOAT
from geesync.simulator.computing.projections import Geometry
from geesync.simulator.world.pixels import PixelArray, SimGrid


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
            fill &= inside(band.extent, target)
        merged = np.where(over(fill, values), kind.convert(new_values), kind.convert(values))
        return Pixels(merged, np.where(fill, new_mask, mask))

    extent = band.extent if same_footprint else None
    return replace(band, read=read, type=kind, extent=extent)


def mask_of(band: Band) -> Band:
    """Return the mask as a band of floats from 0 to 1, valid everywhere."""

    def read(target: SimGrid) -> Pixels:
        mask = band.read(target).mask
        return Pixels(mask, np.ones_like(mask))

    return replace(band, read=read, type=FLOAT, array_dimensions=0)


def mask_updated(band: Band, other: Band) -> Band:
    """Return a band with a new mask where it was not masked altogether."""

    def read(target: SimGrid) -> Pixels:
        values, mask = band.read(target)
        new_values, new_mask = other.read(target)
        new = np.clip(new_values, 0, 1) * (new_mask > 0)
        return Pixels(values, np.where(mask > 0, new, mask).astype(np.float32))

    return replace(band, read=read)


def mask_replaced(band: Band, other: Band) -> Band:
    """Return a band with another mask; what was masked altogether is 0 where it is seen."""

    def read(target: SimGrid) -> Pixels:
        values, mask = band.read(target)
        new_values, new_mask = other.read(target)
        new = np.clip(new_values, 0, 1) * (new_mask > 0)
        seen = np.where(over(mask > 0, values), values, band.type.convert(np.zeros_like(values)))
        return Pixels(seen, new.astype(np.float32))

    return replace(band, read=read)


def clipped(band: Band, geometries: Sequence[Geometry], extent: SimGrid | None) -> Band:
    """Return a band that is masked outside of some geometries, which lie in ``extent``."""

    def read(target: SimGrid) -> Pixels:
        values, mask = band.read(target)
        if not geometries:
            return Pixels(values, np.zeros_like(mask))
        return Pixels(values, (mask * covered(geometries, target)).astype(np.float32))

    return replace(band, read=read, extent=extent)


def covered(geometries: Sequence[Geometry], target: SimGrid) -> PixelArray:
    """Return which pixels of a target some geometries cover, of the target's shape."""
    shapes = [transform_geom(each.crs, target.crs, each.shape) for each in geometries]
    shape = (target.height, target.width)
    within: PixelArray = geometry_mask(shapes, shape, Affine(*target.transform), invert=True)
    return within
