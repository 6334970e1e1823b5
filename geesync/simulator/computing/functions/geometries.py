"""Functions of Earth Engine that make geometries, or tell about them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from shapely.geometry import mapping, shape
from shapely.ops import unary_union

from geesync.simulator.computing.arguments import functions, refused
from geesync.simulator.computing.projections import Geometry, Projection, place
from geesync.simulator.computing.scene import Collection

CORNER_TERMS = 4  #: of two corners: west, south, east, north
DEGREES = Projection("EPSG:4326")


def _points(kind: str) -> Callable[..., Geometry]:
    def construct(coordinates: list[Any], crs: Projection = DEGREES) -> Geometry:
        return place({"type": kind, "coordinates": coordinates}, crs)

    return construct


def _lines(kind: str) -> Callable[..., Geometry]:
    def construct(
        coordinates: list[Any],
        crs: Projection = DEGREES,
        geodesic: Any = None,
        max_error: Any = None,
    ) -> Geometry:
        del geodesic, max_error  # edges are straight in their own CRS here
        return place({"type": kind, "coordinates": coordinates}, crs)

    return construct


def _areas(kind: str) -> Callable[..., Geometry]:
    def construct(
        coordinates: list[Any],
        crs: Projection = DEGREES,
        geodesic: Any = None,
        max_error: Any = None,
        even_odd: Any = None,
    ) -> Geometry:
        del geodesic, max_error, even_odd  # as above
        return place({"type": kind, "coordinates": coordinates}, crs)

    return construct


def _multi_geometry(
    geometries: list[Geometry],
    crs: Any = None,
    geodesic: Any = None,
    max_error: Any = None,
) -> Geometry:
    del crs, geodesic, max_error  # each has its own CRS; edges as above
    members = [geometry.geojson() for geometry in geometries]
    return Geometry(DEGREES.crs, {"type": "GeometryCollection", "geometries": members})


def _rectangle(
    coordinates: list[Any], crs: Projection = DEGREES, geodesic: Any = None, even_odd: Any = None
) -> Geometry:
    del geodesic, even_odd  # as above
    try:
        corners = np.asarray(coordinates, dtype=float).ravel().tolist()
    except (TypeError, ValueError):
        corners = []
    if len(corners) != CORNER_TERMS:
        raise refused("GeometryConstructors.Rectangle: Invalid coordinates.")
    return _box(corners, crs)


def _bbox(west: float, south: float, east: float, north: float) -> Geometry:
    return _box([west, south, east, north], DEGREES)


def _box(corners: list[float], projection: Projection) -> Geometry:
    west, south, east, north = corners
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return place({"type": "Polygon", "coordinates": [ring]}, projection)


def _bounds(geometry: Geometry, max_error: Any = None, proj: Any = None) -> Geometry:
    del max_error, proj  # in degrees, whatever is asked
    return _box(list(geometry.in_degrees().bounds), DEGREES)


def _coordinates(geometry: Geometry) -> Any:
    return geometry.shape["coordinates"]


def _type(geometry: Geometry) -> str:
    return str(geometry.shape["type"])


def _intersects(left: Geometry, right: Geometry, max_error: Any = None, proj: Any = None) -> bool:
    del max_error, proj
    return bool(left.in_degrees().intersects(right.in_degrees()))


def _collection_geometry(collection: Collection, max_error: Any = None) -> Geometry:
    del max_error
    shapes = [shape(row.geometry) for row in collection.features() if row.geometry]
    return Geometry(DEGREES.crs, mapping(unary_union(shapes)))


GEOMETRIES = functions(
    {
        "GeometryConstructors.Rectangle": _rectangle,
        "GeometryConstructors.BBox": _bbox,
        "GeometryConstructors.Point": _points("Point"),
        "GeometryConstructors.MultiPoint": _points("MultiPoint"),
        "GeometryConstructors.LineString": _lines("LineString"),
        "GeometryConstructors.MultiLineString": _lines("MultiLineString"),
        "GeometryConstructors.LinearRing": _lines("LinearRing"),
        "GeometryConstructors.Polygon": _areas("Polygon"),
        "GeometryConstructors.MultiPolygon": _areas("MultiPolygon"),
        "GeometryConstructors.MultiGeometry": _multi_geometry,
        "Geometry.bounds": _bounds,
        "Geometry.coordinates": _coordinates,
        "Geometry.type": _type,
        "Geometry.intersects": _intersects,
        "Collection.geometry": _collection_geometry,
    }
)
