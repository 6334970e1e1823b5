"""Where on Earth an asset lies: its outline, and a box of degrees, which is cheap to keep."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from geesync.domain.assets import Json, SourceAsset

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


def outline(source: SourceAsset) -> Json | None:
    """Return the asset's outline as a plain GeoJSON geometry, longitude first.

    None where Earth Engine gives none, or one that has no end: an image may be unbounded.
    """
    told = (source.json.get("geometry"), source.properties.get("system:footprint"))
    return next((clean for one in told if (clean := _geometry(one)) is not None), None)


def _geometry(told: Any) -> Json | None:
    """Return a geometry without Earth Engine's own members, or None if it is not whole."""
    if not isinstance(told, dict):
        return None
    kind, coordinates = told.get("type"), told.get("coordinates")
    if kind == "LinearRing":  # a type of Earth Engine's own
        kind, coordinates = "Polygon", [coordinates]
    if kind == "GeometryCollection":
        members = [_geometry(member) for member in told.get("geometries", ())]
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


def box_of(geometry: Any) -> Box | None:
    """Return the box of a GeoJSON geometry; None for what has no place, or none that is finite.

    An image without an edge lists infinite corners; a box of it would say nothing.
    """
    points = list(_points(geometry)) if isinstance(geometry, dict) else []
    if not points:
        return None
    longitudes, latitudes = zip(*points, strict=True)
    if not (all(map(math.isfinite, longitudes)) and all(map(math.isfinite, latitudes))):
        return None
    west, east = min(longitudes), max(longitudes)
    if east - west >= _AROUND:
        west, east = -_AROUND / 2, _AROUND / 2
    # Whole turns only: a longitude that is on the map already keeps its every digit.
    turns = math.floor((west + _AROUND / 2) / _AROUND) * _AROUND
    return Box(west - turns, _on_globe(min(latitudes)), east - turns, _on_globe(max(latitudes)))


def _on_globe(latitude: float) -> float:
    return min(max(latitude, -_POLE), _POLE)


def _points(geometry: Json) -> Iterator[tuple[float, float]]:
    """Yield every (longitude, latitude), however deep the geometry nests them."""
    waiting: list[Any] = [geometry]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, list):
            if len(inner) > 1 and _is_number(inner[0]) and _is_number(inner[1]):
                yield float(inner[0]), float(inner[1])
            else:
                waiting += inner
        elif isinstance(inner, dict):
            waiting += [inner.get("coordinates"), inner.get("geometries")]


def _is_number(value: Any) -> bool:
    # Infinity comes as text, as JSON has no number for it.
    return type(value) in _NUMBERS or (type(value) is str and value in _INFINITE)


_NUMBERS = frozenset({float, int})
_INFINITE = frozenset({"Infinity", "-Infinity", "NaN"})
