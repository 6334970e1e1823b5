"""Functions of Earth Engine that say where pixels lie: projections and geometries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from geesync.simulator.computing import images
from geesync.simulator.computing.arguments import Args, Function, want
from geesync.simulator.computing.images import Band, Image
from geesync.simulator.computing.projections import (
    Geometry,
    Projection,
    Transform,
    cover,
    outline,
    place,
    shared,
)
from geesync.simulator.computing.regions import bounds_and_scale, footprint_of
from geesync.simulator.computing.scene import Scene


def _projection(_: Scene, args: Args) -> Projection:
    crs, transform = args["crs"], args.get("transform")
    if isinstance(crs, Projection):
        return crs
    return Projection(crs, _transform(transform)) if transform else Projection(crs)


def _transform(numbers: Sequence[float]) -> Transform:
    a, b, c, d, e, f = map(float, numbers)
    return a, b, c, d, e, f


def _image_projection(_: Scene, args: Args) -> Projection:
    return want("Image.projection", args, "image", Image).bands[0].projection


def _wanted_projection(args: Args, own: Projection) -> Projection:
    """Return the projection that ``crs`` with ``crsTransform`` or ``scale`` ask for."""
    crs = args.get("crs") or own
    base = crs if isinstance(crs, Projection) else Projection(crs)
    if args.get("crsTransform"):
        return Projection(base.crs, _transform(args["crsTransform"]))
    return base.scaled(args["scale"]) if args.get("scale") else base


def _reproject(_: Scene, args: Args) -> Image:
    image = want("Image.reproject", args, "image", Image)
    projection = _wanted_projection(args, image.bands[0].projection)
    return Image(tuple(images.reprojected(band, projection) for band in image.bands))


def _set_default_projection(_: Scene, args: Args) -> Image:
    image = want("Image.setDefaultProjection", args, "image", Image)
    projection = _wanted_projection(args, image.bands[0].projection)
    return Image(tuple(replace(band, projection=projection) for band in image.bands))


def _clip(_: Scene, args: Args) -> Image:
    image = want("Image.clip", args, "input", Image)
    geometry = want("Image.clip", args, "geometry", Geometry)
    return Image(tuple(map(lambda band: _clipped(band, geometry), image.bands)))  # noqa: C417 - a band at a time


def _clipped(band: Band, geometry: Geometry) -> Band:
    extent = cover(band.projection, geometry)
    if band.extent is not None:
        extent = shared(extent, cover(band.projection, outline(band.extent)))
    return images.clipped(band, geometry, extent)


def _clip_to_bounds_and_scale(_: Scene, args: Args) -> Image:
    image = want("Image.clipToBoundsAndScale", args, "input", Image)
    grid = bounds_and_scale(image.bands[0], args)
    projection = Projection(grid.crs, grid.transform)
    return Image(tuple(replace(band, projection=projection, extent=grid) for band in image.bands))


def _image_geometry(_: Scene, args: Args) -> Geometry:
    return footprint_of(want("Image.geometry", args, "feature", Image).bands[0])


def _geometry(kind: str) -> Function:
    def apply(_: Scene, args: Args) -> Geometry:
        shape = {"type": kind, "coordinates": args["coordinates"]}
        return place(shape, _geometry_projection(args))

    return Function(apply, ("coordinates",), ("crs", "geodesic", "maxError", "evenOdd"))


def _geometry_projection(args: Args) -> Projection:
    crs = args.get("crs") or "EPSG:4326"
    return crs if isinstance(crs, Projection) else Projection(crs)


def _rectangle(_: Scene, args: Args) -> Geometry:
    corners = np.asarray(args["coordinates"], dtype=float).ravel().tolist()
    return _box(corners, _geometry_projection(args))


def _bbox(_: Scene, args: Args) -> Geometry:
    corners = [float(args[side]) for side in ("west", "south", "east", "north")]
    return _box(corners, Projection("EPSG:4326"))


def _box(corners: list[float], projection: Projection) -> Geometry:
    west, south, east, north = corners
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return place({"type": "Polygon", "coordinates": [ring]}, projection)


_RESAMPLING = ("crsTransform", "scale")

#: By name: what moves, cuts or asks for pixels by place.
GRID_FUNCTIONS: dict[str, Function] = {
    "Image.projection": Function(_image_projection, ("image",)),
    "Image.geometry": Function(_image_geometry, ("feature",), ("maxError", "proj", "geodesics")),
    "Image.reproject": Function(_reproject, ("image", "crs"), _RESAMPLING),
    "Image.setDefaultProjection": Function(_set_default_projection, ("image", "crs"), _RESAMPLING),
    "Image.clip": Function(_clip, ("input", "geometry")),
    "Image.clipToBoundsAndScale": Function(
        _clip_to_bounds_and_scale,
        ("input",),
        ("geometry", "width", "height", "maxDimension", "scale"),
    ),
    "Projection": Function(_projection, ("crs",), ("transform",)),
    "GeometryConstructors.Rectangle": Function(
        _rectangle, ("coordinates",), ("crs", "geodesic", "evenOdd")
    ),
    "GeometryConstructors.BBox": Function(_bbox, ("west", "south", "east", "north")),
    **{
        f"GeometryConstructors.{kind}": _geometry(kind)
        for kind in ("Point", "LineString", "LinearRing", "Polygon", "MultiPolygon")
    },
}
