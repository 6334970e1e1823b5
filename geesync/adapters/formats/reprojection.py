"""Where grids and outlines lie in the pixels of a grid of another CRS. Imports rasterio."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.errors import CRSError, RasterioError
from rasterio.warp import transform

from geesync.domain.assets.asset import SourceAsset
from geesync.domain.assets.grid import Grid
from geesync.domain.json import Json
from geesync.errors import UserError

Positions = NDArray[np.float64]

#: Points of a grid's edge that are carried over: a straight edge is none in another CRS.
_POINTS = 65

#: A thousandth of a pixel: what rounding may add is no pixel more.
_ROUNDING_PX = 1e-3

#: Of the grid's area: an outline that has less is not that of the grid, of which Earth Engine
#: keeps the edges as a few straight lines.
_WHOLE = 0.995


def covering(grid: Grid, lattice: Grid) -> Grid:
    """Return the part of a lattice, whole pixels, that covers a grid.

    lattice: its CRS and transform, of any size. Raises UserError for a CRS that is not known, or in
    which the grid has no place.
    """
    across = np.linspace(0, grid.width, _POINTS)
    down = np.linspace(0, grid.height, _POINTS)
    columns = np.concatenate([across, across, np.zeros(_POINTS), np.full(_POINTS, grid.width)])
    rows = np.concatenate([np.zeros(_POINTS), np.full(_POINTS, grid.height), down, down])
    x, y = _placed(grid.transform, columns, rows)
    try:
        there = transform(grid.crs, lattice.crs, list(x), list(y))
    except (RasterioError, ValueError) as error:
        raise UserError(f"pixels of {grid.crs} cannot be placed in {lattice.crs}") from error
    back = (~Affine(*lattice.transform))[:6]
    column, row = _placed(back, np.array(there[0]), np.array(there[1]))
    if not (np.isfinite(column).all() and np.isfinite(row).all()):
        raise UserError(f"pixels of {grid.crs} have no place in {lattice.crs}")
    left, top = (math.floor(side.min() + _ROUNDING_PX) for side in (column, row))
    right, bottom = (math.ceil(side.max() - _ROUNDING_PX) for side in (column, row))
    whole = replace(lattice, width=right, height=bottom)
    return whole.window(top, left, bottom - top, right - left)


def _placed(transform: Sequence[float], x: Positions, y: Positions) -> tuple[Positions, Positions]:
    a, b, c, d, e, f = transform
    return a * x + b * y + c, d * x + e * y + f


def footprint_in_pixels(source: SourceAsset) -> Json | None:
    """Return the footprint of an image's manifest; None where its grid is all there is to say.

    A manifest takes one ring, in pixels of a band.
    https://developers.google.com/earth-engine/guides/image_manifest#footprint
    """
    outline = source.outline
    if outline is None or outline["type"] != "Polygon" or len(outline["coordinates"]) != 1:
        return None
    band = source.bands[0]
    longitudes, latitudes = zip(*(corner[:2] for corner in outline["coordinates"][0]), strict=True)
    try:
        xs, ys = transform("EPSG:4326", band.grid.crs, longitudes, latitudes)
    except CRSError:
        return None
    inverse = ~Affine(*band.grid.transform)
    ring = [inverse * place for place in zip(xs, ys, strict=True)]
    if _area(ring) >= _WHOLE * band.grid.pixels:
        return None
    points = [{"x": round(x, 6), "y": round(y, 6)} for x, y in ring]
    return {"bandId": band.id, "points": points}


def _area(ring: list[tuple[float, float]]) -> float:
    pairs = zip(ring, [*ring[1:], ring[0]], strict=True)
    return abs(sum(x * next_y - next_x * y for (x, y), (next_x, next_y) in pairs)) / 2
