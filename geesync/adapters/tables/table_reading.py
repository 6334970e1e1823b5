"""Exported tables, read through row by row: bounded memory, whatever their size."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import accumulate
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import ijson

from geesync.domain.json import Json
from geesync.domain.messages.words import counted
from geesync.errors import Cause, RemoteError

#: Earth Engine's tables have at most a thousand columns.
_LONGEST_HEADER_CHARS = 4 * 1024 * 1024

#: A cell holds a geometry of at most some million vertices; csv's own limit is 128 KiB.
_LONGEST_CELL_CHARS = 256 * 1024 * 1024


#: A row of Earth Engine's has as many cells; a line is looked into from this length on.
_MOST_CELLS = 100_000
_LONG_LINE_CHARS = 1024 * 1024
_QUOTED = re.compile('"[^"]*"')

#: A geometry nests seven deep; the parser's memory grows with the square of the depth.
_DEEPEST = 200


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
        reader = csv.reader(_lines(file), strict=True)
        header = next(reader, [])
        columns = len(header)
        count = 0
        for row in reader:
            if len(row) != columns:
                raise ValueError(
                    f"row {count + 1} has {counted(len(row), 'cell')}, the header {columns}"
                )
            count += 1
    _compare(path, count, rows)
    return Contents(count, {name: [] for name in header})


def _lines(file: TextIO) -> Iterator[str]:
    """Yield lines. Raises ValueError for one that is made to fill the memory."""
    inside = False  # a quoted cell that goes on from the line before
    while line := file.readline(_LONGEST_CELL_CHARS):
        if len(line) == _LONGEST_CELL_CHARS:
            raise ValueError(f"a line of it is longer than {_LONGEST_CELL_CHARS:,} characters")
        if len(line) > _LONG_LINE_CHARS:
            bare = _QUOTED.sub("", f'"{line}' if inside else line)
            if bare.count(",") > _MOST_CELLS:
                raise ValueError(f"a row of it has more than {_MOST_CELLS:,} cells")
        inside ^= line.count('"') % 2 == 1
        yield line


class _Shallow:
    """A file of JSON. Reading raises ValueError where it nests too deep for any parser."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._depth = 0
        self._inside = False  #: a string that goes on from the piece before
        self._rest = b""  #: a backslash whose character is to come

    def read(self, size: int) -> bytes:
        """Return the next piece, as the parser asks for it."""
        piece = self._file.read(size)
        if piece:
            self._look(piece)
        return piece

    def _look(self, piece: bytes) -> None:
        plain = (self._rest + piece).replace(b"\\\\", b"").replace(b'\\"', b"")
        self._rest = b"\\" if plain.endswith(b"\\") else b""
        quoted = plain.translate(None, _NEITHER_QUOTE_NOR_BRACKET).split(b'"')
        outside = b"".join(quoted[self._inside :: 2])
        self._inside ^= len(quoted) % 2 == 0
        depths = list(accumulate(map(_STEPS.__getitem__, outside), initial=self._depth))
        self._depth = depths[-1]
        if max(depths) > _DEEPEST:
            raise ValueError(f"it nests deeper than {_DEEPEST} levels")


_STEPS = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_NEITHER_QUOTE_NOR_BRACKET = bytes(set(range(256)) - _STEPS.keys() - {ord('"')})


def prove_geojson(path: Path, *, rows: int | None) -> Contents:
    """Parse a GeoJSON whole; raise RemoteError INTEGRITY if it is broken or has other rows."""
    columns: dict[str, set[str]] = {}
    geometries: Counter[str] = Counter()
    with _parsing(path), path.open("rb") as file:
        for feature in features(_Shallow(file)):
            geometries[(feature.get("geometry") or {}).get("type", "null")] += 1
            for name, value in (feature.get("properties") or {}).items():
                columns.setdefault(name, set()).add(_type(value))
    count = geometries.total()
    _compare(path, count, rows)
    return Contents(count, {name: sorted(kinds) for name, kinds in columns.items()}, geometries)


def features(file: Any) -> Iterator[Json]:
    """Yield the features of a GeoJSON, one at a time; its fractions are decimals.

    As floats they would be quicker to work with, but then the parser refuses whole numbers beyond
    64 bits, and doubles may be written so.
    """
    yield from ijson.items(file, "features.item", use_float=False)


def rows_in(geojson: Path) -> Iterator[Json]:
    """Yield the features of a GeoJSON, in bounded memory."""
    with geojson.open("rb") as file:
        yield from features(file)


_TYPES = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    Decimal: "number",
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
            Cause.INTEGRITY, f"{path.name} has {counted(count, 'row')}, Earth Engine says {rows:,}"
        )
