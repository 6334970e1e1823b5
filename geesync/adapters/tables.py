"""Exported tables, read through row by row: bounded memory, whatever their size."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ijson

from geesync.errors import Cause, RemoteError

#: Earth Engine's tables have at most a thousand columns.
_LONGEST_HEADER_CHARS = 4 * 1024 * 1024

#: A cell holds a geometry of at most some million vertices; csv's own limit is 128 KiB.
_LONGEST_CELL_CHARS = 256 * 1024 * 1024


@dataclass(frozen=True)
class Contents:
    """What a table was found to hold."""

    rows: int
    columns: Mapping[str, list[str]]  #: by name, the JSON types of its values; a CSV tells none
    geometries: Mapping[str, int] = field(default_factory=dict)  #: rows by GeoJSON type


def prove_csv(path: Path, *, rows: int | None) -> Contents:
    """Parse a CSV whole; raise RemoteError INTEGRITY if it is broken or has other than ``rows``."""
    csv.field_size_limit(_LONGEST_CELL_CHARS)
    with _parsing(path), path.open(encoding="utf-8", newline="") as file:
        if len(file.readline(_LONGEST_HEADER_CHARS)) == _LONGEST_HEADER_CHARS:
            raise ValueError(f"its header is longer than {_LONGEST_HEADER_CHARS:,} characters")
        file.seek(0)
        reader = csv.reader(file, strict=True)
        header = next(reader, [])
        columns = len(header)
        count = 0
        for row in reader:
            if len(row) != columns:
                raise ValueError(f"row {count + 1} has {len(row)} cells, the header {columns}")
            count += 1
    _compare(path, count, rows)
    return Contents(count, {name: [] for name in header})


def prove_geojson(path: Path, *, rows: int | None) -> Contents:
    """Parse a GeoJSON whole; raise RemoteError INTEGRITY if it is broken or has other rows."""
    columns: dict[str, set[str]] = {}
    geometries: Counter[str] = Counter()
    with _parsing(path), path.open("rb") as file:
        for feature in ijson.items(file, "features.item", use_float=True):
            geometries[(feature.get("geometry") or {}).get("type", "null")] += 1
            for name, value in (feature.get("properties") or {}).items():
                columns.setdefault(name, set()).add(_type(value))
    count = geometries.total()
    _compare(path, count, rows)
    return Contents(count, {name: sorted(kinds) for name, kinds in columns.items()}, geometries)


_TYPES = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
}


def _type(value: Any) -> str:
    if type(value) is int and not -(2**63) <= value < 2**63:
        return "number"  # no integer of Earth Engine's: a double, written without a fraction
    return _TYPES.get(type(value), "object")


@contextmanager
def _parsing(path: Path) -> Iterator[None]:
    try:
        yield
    except (csv.Error, ValueError, AttributeError, ijson.JSONError) as error:
        raise RemoteError(Cause.INTEGRITY, f"{path.name} cannot be parsed: {error}") from error


def _compare(path: Path, count: int, rows: int | None) -> None:
    if rows is not None and count != rows:
        raise RemoteError(
            Cause.INTEGRITY, f"{path.name} has {count:,} rows, Earth Engine says {rows:,}"
        )
