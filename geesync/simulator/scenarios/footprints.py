"""Where on Earth the pixels of a grid lie."""

from __future__ import annotations

import numpy as np
from rasterio.crs import CRS
from rasterio.warp import transform

from geesync.simulator.computing.projections import in_crs, parse_crs
from geesync.simulator.refusals import INVALID_ARGUMENT, ExportRefused
from geesync.simulator.world.pixels import Json, SimGrid

POLE, TOLERANCE = 90, 1e-6  # degrees
EDGE_POINTS = 4  #: a side; curved enough for any projection of a scene


def footprint(grid: SimGrid) -> Json:
    """Return the outline of a grid as a GeoJSON polygon, longitude and latitude in degrees.

    Raises ExportRefused for a grid that is nowhere on Earth.
    """
    steps = np.linspace(0, 1, EDGE_POINTS, endpoint=False)
    columns = np.concatenate([0 * steps, steps, 0 * steps + 1, 1 - steps]) * grid.width
    rows = np.concatenate([steps, 0 * steps + 1, 1 - steps, 0 * steps]) * grid.height
    a, b, c, d, e, f = grid.transform
    x, y = a * columns + b * rows + c, d * columns + e * rows + f
    x, y = in_crs(x, y, grid.crs, "EPSG:4326")
    if not (np.isfinite(x).all() and (np.abs(y) <= POLE + TOLERANCE).all()):
        message = "The pixels lie outside of what the projection can show."
        raise ExportRefused(INVALID_ARGUMENT, message)
    ring = [[round(float(px), 9), round(float(py), 9)] for px, py in zip(x, y, strict=True)]
    return {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}


def utm_at(lon: float, lat: float) -> str:
    """Return the EPSG code of the UTM zone of a place."""
    zone = int((lon + 180) // 6) + 1
    return f"EPSG:{(32700 if lat < 0 else 32600) + zone}"


def origin_at(crs: str, lon: float, lat: float, scale: float) -> tuple[float, float]:
    """Return the (x, y) of a place in a CRS, moved to a whole multiple of the pixel size."""
    if crs == "EPSG:4326":
        x, y = lon, lat
    else:
        xs, ys = transform(CRS.from_epsg(4326), parse_crs(crs), [lon], [lat])
        x, y = xs[0], ys[0]
    return round(x / scale) * scale, round(y / scale) * scale
