"""Which rectangle of pixels an export writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from geesync.simulator.computing.images import Band, Image
from geesync.simulator.computing.projections import Geometry, Projection, cover, in_crs, outline
from geesync.simulator.refusals import INVALID_ARGUMENT, ExportRefused
from geesync.simulator.world.pixels import Json, SimGrid

MEMBERS = ("scaleX", "shearX", "translateX", "shearY", "scaleY", "translateY")


def bounds_and_scale(band: Band, args: Mapping[str, Any]) -> SimGrid:
    """Return the grid that ``Image.clipToBoundsAndScale`` gives an image.

    band: the image's first one. The region is ``geometry``, by default all of the image; its
    pixels are ``scale`` metres, or as many as ``width``, ``height`` or ``maxDimension`` say,
    or else the image's own.
    """
    region = args.get("geometry") or outline_of(band)
    if not isinstance(region, Geometry):
        message = "Image.clipToBoundsAndScale: Parameter 'geometry' must be of type Geometry."
        raise ExportRefused(INVALID_ARGUMENT, message)
    if args.get("scale"):
        return cover(band.projection.scaled(args["scale"]), region)
    width, height, longest = (args.get(n) for n in ("width", "height", "maxDimension"))
    if width or height or longest:
        return fitted(region, band.projection.crs, width, height, longest)
    return cover(band.projection, region)


def fitted(
    region: Geometry, crs: str, width: int | None, height: int | None, longest: int | None
) -> SimGrid:
    """Return a grid of so many pixels that just holds a region."""
    xs, ys = in_crs(*region.points(), region.crs, crs)
    left, right, bottom, top = map(float, (xs.min(), xs.max(), ys.min(), ys.max()))
    if not (width and height):
        pixel = max(right - left, top - bottom) / (longest or 1)
        pixel = (right - left) / width if width else pixel
        pixel = (top - bottom) / height if height else pixel
        width = width or max(round((right - left) / pixel), 1)
        height = height or max(round((top - bottom) / pixel), 1)
    x_scale, y_scale = (right - left) / width, (top - bottom) / height
    return SimGrid(crs, (x_scale, 0.0, left, 0.0, -y_scale, top), width, height)


def holding(extents: Sequence[SimGrid]) -> SimGrid:
    """Return the smallest rectangle, on the first one's pixels, that holds some extents."""
    first = extents[0]
    projection = Projection(first.crs, first.transform)
    covers = [cover(projection, outline(extent)) for extent in extents]
    corners = [
        projection.pixel_positions(np.array(c.transform[2]), np.array(c.transform[5]))
        for c in covers
    ]
    lefts, tops = ([round(float(corner[axis])) for corner in corners] for axis in (0, 1))
    right = max(left + each.width for left, each in zip(lefts, covers, strict=True))
    bottom = max(top + each.height for top, each in zip(tops, covers, strict=True))
    return projection.grid(min(lefts), min(tops), right - min(lefts), bottom - min(tops))


def footprint_of(band: Band) -> Geometry:
    """Return the outline of a band in degrees, as ``Image.geometry`` does."""
    region = outline_of(band)
    xs, ys = in_crs(*region.points(), region.crs, "EPSG:4326")
    ring = [[x, y] for x, y in zip(xs.tolist(), ys.tolist(), strict=True)]
    return Geometry("EPSG:4326", {"type": "Polygon", "coordinates": [ring]})


def export_grid(image: Image, wanted: Json) -> SimGrid:
    """Return the grid of an export.

    wanted: the ``grid`` of the request; what it lacks is as in the image's first band.
    Raises ExportRefused if the image has no end.
    """
    band = image.bands[0]
    projection = wanted_projection(wanted, band.projection)
    if size := wanted.get("dimensions"):
        return projection.grid(0, 0, int(size["width"]), int(size["height"]))
    region = outline_of(band)
    # An extent on the projection's own pixels is covered by itself, whatever its rounding.
    return cover(projection, region)


def wanted_projection(wanted: Json, own: Projection) -> Projection:
    """Return the projection of a request's grid; what it lacks is as in the image's own."""
    crs = wanted.get("crsCode") or wanted.get("crsWkt") or own.crs
    if "affineTransform" not in wanted:
        return own if crs == own.crs else Projection(crs)
    members = wanted["affineTransform"]
    a, b, c, d, e, f = (float(members.get(name, 0.0)) for name in MEMBERS)
    return Projection(crs, (a, b, c, d, e, f)).checked()


def outline_of(band: Band) -> Geometry:
    """Return the rectangle that a band lies in; raises ExportRefused if it has no end."""
    if band.extent is None:
        raise ExportRefused(INVALID_ARGUMENT, "Unable to export unbounded image.")
    return outline(band.extent)
