"""Writes tables as the files that a batch export leaves behind: CSV and GeoJSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from geesync.simulator.computing.scene import Collection
from geesync.simulator.world.pixels import Json, SimFeature

INDEX, GEOMETRY = "system:index", ".geo"
SPECIAL = frozenset(',"\r\n')  #: what makes a CSV reader stumble unless it is quoted
#: How a CSV says that a row has no geometry, as seen in public exports.
NO_GEOMETRY = {"type": "MultiPoint", "coordinates": []}


def write_table(table: Collection, file_format: str, selectors: Sequence[str], file: Path) -> str:
    """Write a table, row by row, and return the suffix of its name.

    file_format: as in the request: CSV or GEO_JSON.
    selectors: the columns; none = those that the first row has.
    """
    writers = {"CSV": (_write_csv, ".csv"), "GEO_JSON": (_write_geojson, ".geojson")}
    write, suffix = writers[file_format]
    write(table, selectors, file)
    return suffix


def _write_csv(table: Collection, selectors: Sequence[str], file: Path) -> None:
    columns = list(selectors) or _columns_of_first(table)
    with file.open("w", encoding="utf-8", newline="") as text:
        text.write(_line(columns))
        for feature in table.features():
            text.write(_line([_cell(feature, column) for column in columns]))


def _line(cells: Sequence[str]) -> str:
    """Return a line of CSV; unlike ``csv.writer``, a lone carriage return is quoted, too."""
    return ",".join(map(_quoted, cells)) + "\n"


def _quoted(cell: str) -> str:
    if SPECIAL.isdisjoint(cell):
        return cell
    doubled = cell.replace('"', '""')
    return f'"{doubled}"'


def _columns_of_first(table: Collection) -> list[str]:
    first = next(table.features(), None)
    return [INDEX, *(first.properties if first else ()), GEOMETRY]


def _cell(feature: SimFeature, column: str) -> str:
    if column == INDEX:
        return feature.index
    if column == GEOMETRY:
        return _compact(feature.geometry or NO_GEOMETRY)
    value = feature.properties.get(column)
    if value is None:
        return ""
    return value if isinstance(value, str) else _compact(value)


def _write_geojson(table: Collection, selectors: Sequence[str], file: Path) -> None:
    with file.open("w", encoding="utf-8") as text:
        text.write('{"type":"FeatureCollection","features":[')
        for member in _separated(table, selectors):
            text.write(member)
        text.write("]}\n")


def _separated(table: Collection, selectors: Sequence[str]) -> Iterator[str]:
    separator = "\n"
    for feature in table.features():
        yield separator + _compact(_geojson(feature, selectors))
        separator = ",\n"


def _geojson(feature: SimFeature, selectors: Sequence[str]) -> Json:
    properties = feature.properties
    if selectors:
        properties = {name: properties[name] for name in selectors if name in properties}
    return {
        "type": "Feature",
        "geometry": feature.geometry,
        "id": feature.index,
        "properties": properties,
    }


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
