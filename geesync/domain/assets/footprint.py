"""Where on Earth an asset lies: its outline, and a box of degrees, which is cheap to keep."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any

from geesync.domain.json import Json

Bbox = tuple[float, float, float, float]

#: Levels of lists around a position, by type of geometry.
_DEPTHS = {
    "Point": 0,
    "MultiPoint": 1,
    "LineString": 1,
    "MultiLineString": 2,
    "Polygon": 2,
    "MultiPolygon": 3,
}
_LEAST = {"LineString": 2, "MultiLineString": 2, "Polygon": 4, "MultiPolygon": 4}

_AROUND = 360.0
_POLE = 90.0


@dataclass(frozen=True)
class Box:
    """West, south, east, north in degrees; east is beyond 180 where it crosses the date line."""

    west: float
    south: float
    east: float
    north: float

    @property
    def bbox(self) -> Bbox:
        """The same as GeoJSON has it: west is greater than east across the date line."""
        half = _AROUND / 2
        return self.west, self.south, self.east - (_AROUND if self.east > half else 0), self.north


def outline(*values: Any) -> Json | None:
    """Return the first that is one, of what may be an outline, as a plain GeoJSON geometry.

    Longitude first. None where Earth Engine gives none, or one that has no end: an image may be
    unbounded.
    """
    return next(filter(None, map(_geometry, values)), None)


def _geometry(value: Any) -> Json | None:
    """Return a geometry without Earth Engine's own members, or None if it is not whole."""
    if not isinstance(value, dict):
        return None
    kind, coordinates = value.get("type"), value.get("coordinates")
    if kind == "LinearRing":  # a type of Earth Engine's own
        kind, coordinates = "Polygon", [coordinates]
    if kind == "GeometryCollection":
        members = [_geometry(member) for member in value.get("geometries", ())]
        return {"type": kind, "geometries": members} if members and all(members) else None
    if kind not in _DEPTHS or not _is_whole(coordinates, _DEPTHS[kind], _LEAST.get(kind, 1)):
        return None
    return {"type": kind, "coordinates": coordinates}


def _is_whole(coordinates: Any, depth: int, least: int) -> bool:
    if depth == 0:
        return _is_position(coordinates)
    if not isinstance(coordinates, list):
        return False
    if depth == 1:
        return len(coordinates) >= least and all(map(_is_position, coordinates))
    return len(coordinates) >= 1 and all(
        _is_whole(inner, depth - 1, least) for inner in coordinates
    )


def _is_position(numbers: Any) -> bool:
    try:
        return isinstance(numbers, list) and len(numbers) > 1 and all(map(math.isfinite, numbers))
    except TypeError:
        return False


def box_of(geometry: Json | None) -> Box | None:
    """Return the box of an outline; None for what has no place."""
    if geometry is None:
        return None
    positions = list(_positions(geometry))
    longitudes = [position[0] for position in positions]
    latitudes = [position[1] for position in positions]
    west, east = float(min(longitudes)), float(max(longitudes))
    if east - west >= _AROUND:
        west, east = -_AROUND / 2, _AROUND / 2
    # Whole turns only: a longitude that is on the map already keeps its every digit.
    turns = math.floor((west + _AROUND / 2) / _AROUND) * _AROUND
    return Box(west - turns, _on_globe(min(latitudes)), east - turns, _on_globe(max(latitudes)))


def _on_globe(latitude: float) -> float:
    return min(max(float(latitude), -_POLE), _POLE)


def _positions(geometry: Json) -> Iterable[list[float]]:
    """Return every position of an outline; longitude and latitude are its first numbers."""
    if geometry["type"] == "GeometryCollection":
        return chain.from_iterable(map(_positions, geometry["geometries"]))
    nested: Iterable[Any] = [geometry["coordinates"]]
    for _ in range(_DEPTHS[geometry["type"]]):
        nested = chain.from_iterable(nested)
    return nested
