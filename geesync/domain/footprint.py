"""Where on Earth an asset lies, as a box of degrees: enough for a map, cheap to keep."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_AROUND = 360.0
_POLE = 90.0


@dataclass(frozen=True)
class Box:
    """West, south, east, north in degrees; east is beyond 180 where it crosses the date line."""

    west: float
    south: float
    east: float
    north: float


def box_of(geometry: Any) -> Box | None:
    """Return the box of a GeoJSON geometry; None for what has no place, or none that is finite.

    An image without an edge lists infinite corners; a box of it would say nothing.
    """
    points = list(_points(geometry.get("coordinates"))) if isinstance(geometry, dict) else []
    if not points or not all(math.isfinite(value) for point in points for value in point):
        return None
    longitudes, latitudes = zip(*points, strict=True)
    west, width = min(longitudes), max(longitudes) - min(longitudes)
    if width >= _AROUND:
        west, width = -_AROUND / 2, _AROUND
    west = (west + _AROUND / 2) % _AROUND - _AROUND / 2
    return Box(west, _on_globe(min(latitudes)), west + width, _on_globe(max(latitudes)))


def _on_globe(latitude: float) -> float:
    return min(max(latitude, -_POLE), _POLE)


def _points(coordinates: Any) -> Iterator[tuple[float, float]]:
    """Yield every (longitude, latitude), however deep the geometry nests them."""
    waiting = [coordinates]
    while waiting:
        inner = waiting.pop()
        if not isinstance(inner, list):
            continue
        if len(inner) >= 2 and all(_is_number(value) for value in inner[:2]):  # noqa: PLR2004 # a pair
            yield float(inner[0]), float(inner[1])
        else:
            waiting.extend(inner)


def _is_number(value: Any) -> bool:
    # Infinity comes as text, as JSON has no number for it.
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number or (isinstance(value, str) and value in _INFINITE)


_INFINITE = frozenset({"Infinity", "-Infinity", "NaN"})
