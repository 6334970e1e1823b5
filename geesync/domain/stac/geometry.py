"""An outline as a STAC Item may have it: no collection, and no longitude beyond 180 degrees.

https://www.rfc-editor.org/rfc/rfc7946#section-3.1.9: what crosses the date line is cut at it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

from geesync.domain.json import Json

Ring = list[list[float]]  #: closed: the last position is the first

_HALF, _AROUND, _POLE = 180.0, 360.0, 90.0

#: A ring is a triangle at least, and its first position twice.
_LEAST = 4


def item_geometry(outline: Json | None) -> Json | None:
    """Return an outline on the map: as it is, if that will do.

    Of a collection the parts of the highest dimension are kept, as one geometry.
    """
    if outline is None:
        return None
    members = list(_members(outline))
    is_on_map = all(_is_on_map(member["coordinates"]) for member in members)
    if outline["type"] != "GeometryCollection" and is_on_map:
        return outline
    for kind in ("Polygon", "LineString", "Point"):
        found = [member["coordinates"] for member in members if member["type"] == kind]
        placed = [piece for coordinates in found for piece in _placed(kind, coordinates)]
        if placed:
            is_one = len(placed) == 1
            return {
                "type": kind if is_one else f"Multi{kind}",
                "coordinates": placed[0] if is_one else placed,
            }
    return None


def _members(geometry: Json) -> Iterator[Json]:
    """Yield the points, lines and polygons of a geometry."""
    kind = str(geometry["type"])
    if kind == "GeometryCollection":
        for member in geometry["geometries"]:
            yield from _members(member)
    elif kind.startswith("Multi"):
        single = kind.removeprefix("Multi")
        yield from ({"type": single, "coordinates": part} for part in geometry["coordinates"])
    else:
        yield geometry


def _is_on_map(coordinates: Any) -> bool:
    if isinstance(coordinates[0], list):
        return all(map(_is_on_map, coordinates))
    return bool(abs(coordinates[0]) <= _HALF and abs(coordinates[1]) <= _POLE)


def _placed(kind: str, coordinates: Any) -> Iterator[Any]:
    """Yield what a geometry is on the map."""
    if kind == "Point":
        yield _position(coordinates)
    elif kind == "LineString":
        yield [_position(pair) for pair in coordinates]
    else:
        yield from _polygons(coordinates)


def _polygons(rings: list[Ring]) -> Iterator[list[Ring]]:
    """Yield the pieces of a polygon between the date line and itself, each moved onto the map."""
    longitudes = [position[0] for position in rings[0]]
    first = math.floor((min(longitudes) + _HALF) / _AROUND)
    last = max(math.ceil((max(longitudes) - _HALF) / _AROUND), first)
    for turn in range(first, min(last, first + 1) + 1):
        moved = [[_moved(corner, turn) for corner in ring] for ring in rings]
        cut = [_cut(_cut(ring, _HALF, 1), -_HALF, -1) for ring in moved]
        if len(cut[0]) >= _LEAST:
            yield [ring for ring in cut if len(ring) >= _LEAST]


def _moved(position: list[float], turns: int) -> list[float]:
    latitude = min(max(position[1], -_POLE), _POLE)
    return [position[0] - turns * _AROUND, latitude]


def _position(position: list[float]) -> list[float]:
    if _is_on_map(position):
        return position
    return _moved(position, math.floor((position[0] + _HALF) / _AROUND))


def _cut(ring: Ring, edge: float, side: int) -> Ring:
    """Return what of a ring lies on this side of a meridian: west of it for 1, east for -1.

    After Sutherland and Hodgman.
    """
    kept: Ring = []
    for before, here in _pairs(ring):
        was_in, is_in = (side * (corner[0] - edge) <= 0 for corner in (before, here))
        if was_in != is_in:
            share = (edge - before[0]) / (here[0] - before[0])
            kept.append([edge, before[1] + share * (here[1] - before[1])])
        if is_in:
            kept.append(here)
    if len(set(map(tuple, kept))) < _LEAST - 1 or len({corner[0] for corner in kept}) == 1:
        return []
    return kept if kept[0] == kept[-1] else [*kept, kept[0]]


def _pairs(ring: Ring) -> Iterable[tuple[list[float], list[float]]]:
    open_ring = ring[:-1]
    return zip([open_ring[-1:][0], *open_ring[:-1]], open_ring, strict=True) if open_ring else ()
