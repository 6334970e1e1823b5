"""Exported tables, read through row by row: bounded memory, whatever their size."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import ijson

from geesync.errors import Cause, RemoteError

#: A cell holds a geometry of at most some million vertices; csv's own limit is 128 KiB.
_LONGEST_CELL_CHARS = 256 * 1024 * 1024


def prove_csv(path: Path, *, rows: int | None) -> None:
    """Parse a CSV whole; raise RemoteError INTEGRITY if it is broken or has other than ``rows``."""
    csv.field_size_limit(_LONGEST_CELL_CHARS)
    with _parsing(path), path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file, strict=True)
        columns = len(next(reader, []))
        count = 0
        for row in reader:
            if len(row) != columns:
                raise ValueError(f"row {count + 1} has {len(row)} cells, the header {columns}")
            count += 1
    _compare(path, count, rows)


def prove_geojson(path: Path, *, rows: int | None) -> None:
    """Parse a GeoJSON whole; raise RemoteError INTEGRITY if it is broken or has other rows."""
    with _parsing(path), path.open("rb") as file:
        count = sum(
            1
            for prefix, event, _ in ijson.parse(file)
            if (prefix, event) == ("features.item", "start_map")
        )
    _compare(path, count, rows)


@contextmanager
def _parsing(path: Path) -> Iterator[None]:
    try:
        yield
    except (csv.Error, ValueError, ijson.JSONError) as error:
        raise RemoteError(Cause.INTEGRITY, f"{path.name} cannot be parsed: {error}") from error


def _compare(path: Path, count: int, rows: int | None) -> None:
    if rows is not None and count != rows:
        raise RemoteError(
            Cause.INTEGRITY, f"{path.name} has {count:,} rows, Earth Engine says {rows:,}"
        )
