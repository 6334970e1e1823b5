"""Which part of a lattice of pixels covers a grid of another CRS or size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.errors import RasterioError
from rasterio.warp import transform

from geesync.domain.assets.grid import Grid
from geesync.errors import UserError

Positions = NDArray[np.float64]

#: Points of a grid's edge that are carried over: a straight edge is none in another CRS.
_POINTS = 65

#: A thousandth of a pixel: what rounding may add is no pixel more.
_ROUNDING_PX = 1e-3


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
