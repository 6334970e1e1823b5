"""Where on Earth and when in time an asset lies, as GeoJSON and STAC want it said."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def footprint(source: SourceAsset) -> Json | None:
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
    if not isinstance(coordinates, list):
        return False
    if depth == 0:
        return len(coordinates) > 1 and all(_is_finite(number) for number in coordinates)
    return len(coordinates) >= (least if depth == 1 else 1) and all(
        _is_whole(inner, depth - 1, least) for inner in coordinates
    )


def _is_finite(number: Any) -> bool:
    return isinstance(number, int | float) and math.isfinite(number)


def bbox(geometry: Json) -> Bbox:
    """Return (west, south, east, north) in degrees; west > east where it crosses 180°.

    Earth Engine writes what crosses it with longitudes beyond ±180°.
    """
    positions = list(_positions(geometry))
    west, east = min(x for x, _ in positions), max(x for x, _ in positions)
    south, north = min(y for _, y in positions), max(y for _, y in positions)
    if east - west >= 360:  # noqa: PLR2004 # degrees of a circle
        west, east = -180.0, 180.0
    return _wrapped(west), max(south, -90.0), _wrapped(east), min(north, 90.0)


def _wrapped(longitude: float) -> float:
    inside = -180 <= longitude <= 180  # noqa: PLR2004 # 180° stays 180°
    return longitude if inside else (longitude + 180) % 360 - 180


def _positions(geometry: Json) -> Iterator[tuple[float, float]]:
    if geometry["type"] == "GeometryCollection":
        for member in geometry["geometries"]:
            yield from _positions(member)
    else:
        yield from _flat(geometry["coordinates"], _DEPTHS[geometry["type"]])


def _flat(coordinates: Any, depth: int) -> Iterator[tuple[float, float]]:
    if depth == 0:
        yield coordinates[0], coordinates[1]
    else:
        for inner in coordinates:
            yield from _flat(inner, depth - 1)


def time_span(source: SourceAsset) -> tuple[datetime | None, datetime | None]:
    """Return when it begins and ends (exclusive), as Earth Engine says; aware, UTC."""
    return _time(source, "start"), _time(source, "end")


def _time(source: SourceAsset, which: str) -> datetime | None:
    told = source.json.get(f"{which}Time")
    if told is not None:
        return parse_time(told)
    told_ms = source.properties.get(f"system:time_{which}")
    if not isinstance(told_ms, int | float) or not math.isfinite(told_ms):
        return None
    try:
        return _EPOCH + timedelta(milliseconds=told_ms)
    except OverflowError:
        return None


def parse_time(told: Any) -> datetime | None:
    """Read a timestamp of Earth Engine's, with any number of fractional digits."""
    try:
        found = datetime.fromisoformat(str(told))
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def write_time(time: datetime) -> str:
    """Write a time as RFC 3339 in UTC."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def millis(time: datetime) -> int:
    """Return milliseconds since 1970, as Earth Engine's ``system:time_start`` has them."""
    return (time - _EPOCH) // timedelta(milliseconds=1)


@dataclass(frozen=True)
class Extent:
    """What images of a collection cover together; None is not known, or without end."""

    box: Bbox | None = None  #: degrees; never across 180°, but around the Earth instead
    begin: datetime | None = None  #: aware, UTC
    end: datetime | None = None

    @classmethod
    def of(cls, source: SourceAsset) -> Extent:
        """Return what one asset covers."""
        geometry = footprint(source)
        box = bbox(geometry) if geometry else None
        if box and box[0] > box[2]:
            box = (-180.0, box[1], 180.0, box[3])
        begin, end = time_span(source)
        return cls(box, begin or end, end or begin)

    @classmethod
    def from_json(cls, kept: Json) -> Extent:
        """Read what the ledger kept."""
        box = tuple(kept["box"]) if kept["box"] else None
        return cls(box, parse_time(kept["begin"]), parse_time(kept["end"]))

    def to_json(self) -> Json:
        """Return what the ledger keeps."""
        begin, end = (time and write_time(time) for time in (self.begin, self.end))
        return {"box": self.box, "begin": begin, "end": end}

    def united(self, other: Extent) -> Extent:
        """Return what both cover; an extent only ever grows."""
        return Extent(
            _around(self.box, other.box),
            min(filter(None, (self.begin, other.begin)), default=None),
            max(filter(None, (self.end, other.end)), default=None),
        )


def _around(one: Bbox | None, other: Bbox | None) -> Bbox | None:
    if one is None or other is None:
        return one or other
    return (
        min(one[0], other[0]),
        min(one[1], other[1]),
        max(one[2], other[2]),
        max(one[3], other[3]),
    )
