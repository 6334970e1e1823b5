"""Where pixels lie: projections, pixel rectangles that cover a region, and sampling."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio._err import CPLE_BaseError  # what a transformation raises that fails altogether
from rasterio.crs import CRS
from rasterio.errors import CRSError
from rasterio.warp import transform as transform_points
from rasterio.warp import transform_geom
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from geesync.simulator.refusals import INVALID_ARGUMENT, ExportRefused
from geesync.simulator.world.pixels import Json, SimGrid

Transform = tuple[float, float, float, float, float, float]
Floats = NDArray[np.float64]

DEGREES = "EPSG:4326"
IDENTITY: Transform = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
METRES_PER_DEGREE = 111319.49079327358  #: on the equator; what Earth Engine calculates with
TOLERANCE_PX = 1e-4  #: closer to a pixel's edge than this is on the edge
EDGE_POINTS = 16  #: a side of an outline gets so many points, as it may be curved elsewhere


#: What Earth Engine knows and PROJ does not: the grid of MODIS' products, and old web maps.
_BY_CODE = {
    "SR-ORG:6974": "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m +no_defs",
    "SR-ORG:7483": "+proj=merc +lon_0=0 +x_0=0 +y_0=0 +R=6378137 +units=m +no_defs",
}


@functools.lru_cache(maxsize=64)
def parse_crs(text: str) -> CRS:
    """Return the CRS of a code or WKT; raises ExportRefused if it is neither."""
    try:
        return CRS.from_user_input(_BY_CODE.get(text, text))
    except CRSError as error:
        message = f"The CRS of a map projection could not be parsed: {text}"
        raise ExportRefused(INVALID_ARGUMENT, message) from error


@dataclass(frozen=True)
class Projection:
    """A CRS and the affine transform from pixels to it."""

    crs: str
    transform: Transform = IDENTITY

    def checked(self) -> Projection:
        """Return it; raises ExportRefused unless places can be found in it, both ways."""
        parse_crs(self.crs)
        a, b, _, d, e, _ = self.transform
        if math.isclose(a * e, b * d, abs_tol=0.0):
            raise ExportRefused(INVALID_ARGUMENT, "The affine transform cannot be inverted.")
        return self

    def scaled(self, scale_m: float) -> Projection:
        """Return the projection of the same CRS whose square pixels have this edge."""
        crs = parse_crs(self.crs)
        if crs.is_geographic:
            edge = scale_m / METRES_PER_DEGREE
        else:
            edge = scale_m / crs.linear_units_factor[1]
        return Projection(self.crs, (edge, 0.0, 0.0, 0.0, -edge, 0.0))

    def coarser(self, factor: int) -> Projection:
        """Return the projection whose pixels have edges so many times as long."""
        a, b, c, d, e, f = self.transform
        return Projection(self.crs, (a * factor, b * factor, c, d * factor, e * factor, f))

    @property
    def nominal_scale_m(self) -> float:
        """The edge of a pixel in metres; on the equator, if the CRS is in degrees."""
        crs = parse_crs(self.crs)
        metres = METRES_PER_DEGREE if crs.is_geographic else crs.linear_units_factor[1]
        return float(math.hypot(self.transform[0], self.transform[3]) * metres)

    def pixel_positions(self, xs: Floats, ys: Floats) -> tuple[Floats, Floats]:
        """Return the (columns, rows), with fractions, of places in the CRS."""
        return _apply_inverse(self.transform, xs, ys)

    def grid(self, column: int, row: int, width: int, height: int) -> SimGrid:
        """Return a rectangle of pixels of this projection."""
        a, b, c, d, e, f = self.transform
        x, y = a * column + b * row + c, d * column + e * row + f
        return SimGrid(self.crs, (a, b, x, d, e, y), width, height)


@dataclass(frozen=True)
class Geometry:
    """A GeoJSON geometry whose coordinates are in a CRS."""

    crs: str
    shape: Json

    def points(self) -> tuple[Floats, Floats]:
        """Return the (x, y) of all corners, and of points between them."""
        xs: list[float] = []
        ys: list[float] = []
        for ring in _rings(self.shape["coordinates"]):
            corners = np.asarray(ring, dtype=float)
            steps = np.arange(len(corners) * EDGE_POINTS - EDGE_POINTS + 1) / EDGE_POINTS
            xs += np.interp(steps, np.arange(len(corners)), corners[:, 0]).tolist()
            ys += np.interp(steps, np.arange(len(corners)), corners[:, 1]).tolist()
        return np.asarray(xs), np.asarray(ys)

    def geojson(self) -> Json:
        """Return the same in longitude and latitude, as GeoJSON."""
        if self.crs == DEGREES:
            return self.shape
        moved: Json = transform_geom(parse_crs(self.crs), DEGREES, self.shape)
        return moved

    def in_degrees(self) -> BaseGeometry:
        """Return the same in longitude and latitude, for questions about it."""
        return shape(self.geojson())


def _rings(coordinates: Any) -> list[Any]:
    """Return all lists of points in the coordinates of any GeoJSON geometry."""
    if isinstance(coordinates[0], int | float):
        return [[coordinates]]
    if isinstance(coordinates[0][0], int | float):
        return [coordinates]
    return [ring for part in coordinates for ring in _rings(part)]


def outline(grid: SimGrid) -> Geometry:
    """Return the rectangle of a grid, in its own CRS."""
    w, h = grid.width, grid.height
    ring = [_apply(grid.transform, x, y) for x, y in ((0, 0), (w, 0), (w, h), (0, h), (0, 0))]
    return Geometry(grid.crs, {"type": "Polygon", "coordinates": [ring]})


def place(given: Json, projection: Projection) -> Geometry:
    """Return the geometry whose coordinates were given in pixels of a projection.

    Raises ExportRefused if they are not those of such a geometry.
    """

    def moved(coordinates: Any, levels: int) -> Any:
        fewest = 1 if levels else 2
        if not isinstance(coordinates, list) or len(coordinates) < fewest:
            raise _misplaced(given)
        if levels:
            return [moved(part, levels - 1) for part in coordinates]
        if not all(isinstance(term, int | float) for term in coordinates):
            raise _misplaced(given)
        return _apply(projection.transform, *coordinates[:2])

    placed = moved(given["coordinates"], LEVELS[given["type"]])
    return Geometry(projection.crs, {**given, "coordinates": placed})


#: How deep positions lie in the coordinates of a geometry.
LEVELS = {
    "Point": 0,
    "MultiPoint": 1,
    "LineString": 1,
    "LinearRing": 1,
    "MultiLineString": 2,
    "Polygon": 2,
    "MultiPolygon": 3,
}


def _misplaced(given: Json) -> ExportRefused:
    message = f"GeometryConstructors.{given['type']}: Invalid coordinates."
    return ExportRefused(INVALID_ARGUMENT, message)


def in_crs(xs: Floats, ys: Floats, source: str, target: str) -> tuple[Floats, Floats]:
    """Return points in another CRS; those that it cannot hold become infinite, or no numbers."""
    if source == target or parse_crs(source) == parse_crs(target):
        return xs, ys
    try:
        moved = transform_points(parse_crs(source), parse_crs(target), xs.ravel(), ys.ravel())
    except CPLE_BaseError:  # not one of the points has a place in both
        return np.full(xs.shape, np.nan), np.full(ys.shape, np.nan)
    return np.reshape(moved[0], xs.shape), np.reshape(moved[1], ys.shape)


def cover(projection: Projection, region: Geometry) -> SimGrid:
    """Return the smallest rectangle of whole pixels that covers a region."""
    xs, ys = in_crs(*region.points(), region.crs, projection.crs)
    columns, rows = _apply_inverse(projection.transform, xs, ys)
    left, right = _whole(columns)
    top, bottom = _whole(rows)
    return projection.grid(left, top, max(right - left, 1), max(bottom - top, 1))


def shared(first: SimGrid, second: SimGrid) -> SimGrid:
    """Return what two grids of one projection have in common; at least one pixel."""
    row, column = aligned(first, second) or (0, 0)
    left, top = max(column, 0), max(row, 0)
    width = min(first.width, column + second.width) - left
    height = min(first.height, row + second.height) - top
    projection = Projection(first.crs, first.transform)
    return projection.grid(left, top, max(width, 1), max(height, 1))


def aligned(base: SimGrid | Projection, target: SimGrid) -> tuple[int, int] | None:
    """Return (row, column) of the target's first pixel in the base; None if off its pixels."""
    if base.crs != target.crs and parse_crs(base.crs) != parse_crs(target.crs):
        return None
    a, b, _, d, e, _ = base.transform
    linear = (*target.transform[0:2], *target.transform[3:5])
    if not np.allclose((a, b, d, e), linear, rtol=1e-9, atol=0):
        return None
    column, row = _apply_inverse(
        base.transform, np.array(target.transform[2]), np.array(target.transform[5])
    )
    nearest = round(float(row)), round(float(column))
    off = max(abs(float(row) - nearest[0]), abs(float(column) - nearest[1]))
    return nearest if off < TOLERANCE_PX else None


def places(grid: SimGrid) -> tuple[Floats, Floats]:
    """Return the (x, y) of the centres of all pixels of a grid, in its CRS and of its shape."""
    rows, columns = np.mgrid[0 : grid.height, 0 : grid.width] + 0.5
    a, b, c, d, e, f = grid.transform
    return a * columns + b * rows + c, d * columns + e * rows + f


def pixels_under(base: Projection, target: SimGrid) -> tuple[Floats, Floats]:
    """Return (rows, columns) of the base's pixels under the centres of the target's.

    Both have the target's shape (height, width) and hold whole numbers, or infinity.
    """
    columns, rows = base.pixel_positions(*in_crs(*places(target), target.crs, base.crs))
    return np.floor(rows + TOLERANCE_PX), np.floor(columns + TOLERANCE_PX)


def _whole(positions: Floats) -> tuple[int, int]:
    """Return the first pixel edge before and after all positions."""
    finite = positions[np.isfinite(positions)]
    if finite.size == 0:
        message = "The region lies outside of what the projection can show."
        raise ExportRefused(INVALID_ARGUMENT, message)
    low, high = float(finite.min()), float(finite.max())
    return math.floor(low + TOLERANCE_PX), math.ceil(high - TOLERANCE_PX)


def _apply(transform: Transform, x: float, y: float) -> list[float]:
    a, b, c, d, e, f = transform
    return [a * x + b * y + c, d * x + e * y + f]


def _apply_inverse(transform: Transform, xs: Floats, ys: Floats) -> tuple[Floats, Floats]:
    a, b, c, d, e, f = transform
    determinant = a * e - b * d
    return (
        (e * (xs - c) - b * (ys - f)) / determinant,
        (a * (ys - f) - d * (xs - c)) / determinant,
    )
