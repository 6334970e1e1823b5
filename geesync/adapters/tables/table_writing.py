"""Tables that geesync writes itself: GeoJSON of rows as they come, and CSV of a whole GeoJSON.

Both are as Earth Engine's own exports, but that a CSV has the columns of all rows, not of the first
one, and quotes every cell.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from geesync.domain.json import Json
from geesync.errors import Cause, RemoteError

INDEX, GEOMETRY = "system:index", ".geo"

#: How a CSV of Earth Engine's says that a row has no geometry.
_NO_GEOMETRY = {"type": "MultiPoint", "coordinates": []}

BEGINNING = b'{"type":"FeatureCollection","features":['
END = b"\n]}\n"

#: What the line of a row begins with.
_ROW = '{"type":"Feature",'


def rows(features: Iterable[Json], *, first: bool) -> bytes:
    """Return features of a page as rows of a GeoJSON; first: whether none are before them.

    Raises RemoteError: TRANSIENT for what is no feature, INTEGRITY for what JSON has no number for.
    """
    try:
        lines = [_compact(_feature(feature)) for feature in features]
        text = ",\n".join(lines)
        return (f"\n{text}" if first or not lines else f",\n{text}").encode()
    except (TypeError, AttributeError):
        raise RemoteError(Cause.TRANSIENT, "an unreadable answer: a row is no feature") from None
    except ValueError as error:
        raise RemoteError(Cause.INTEGRITY, f"a row that no GeoJSON can hold: {error}") from error


def _feature(feature: Json) -> Json:
    """Return a row as exports write it: its index is its id, and no geometry is said to be none."""
    properties = {**(feature.get("properties") or {})}
    index = properties.pop(INDEX, feature.get("id"))
    return {
        "type": "Feature",
        "geometry": feature.get("geometry"),
        "id": index,
        "properties": properties,
    }


def columns(features: Iterable[Json]) -> dict[str, None]:
    """Return the names of the columns of a page, in the order in which they first come."""
    return {
        name: None
        for feature in features
        for name in feature.get("properties") or {}
        if name != INDEX
    }


def write_csv(geojson: Path, target: Path, names: Iterable[str]) -> None:
    """Write the rows of a GeoJSON, as ``rows`` writes it, as CSV; names: of its columns.

    In bounded memory.
    """
    wanted = list(names)
    with geojson.open(encoding="utf-8") as source:
        features = (json.loads(line.rstrip(",\n")) for line in source if line.startswith(_ROW))
        lines = (
            [
                feature["id"],
                *(_cell(feature["properties"].get(name)) for name in wanted),
                _compact(feature["geometry"] or _NO_GEOMETRY),
            ]
            for feature in features
        )
        write_quoted(target, [INDEX, *wanted, GEOMETRY], lines)


def write_quoted(target: Path, header: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Write a CSV of which every cell is quoted."""
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else _compact(value)


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
