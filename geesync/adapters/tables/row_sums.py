"""What all rows of a table come to, in whatever order: two tables of the same sums are the same.

Rows are compared as values: 7 and 7.0 are one number, and a missing value is no value.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from geesync.adapters.tables.table_writing import INDEX
from geesync.domain.json import Json
from geesync.domain.restore.tables import text_of

_MODULUS = 1 << 256


@dataclass(frozen=True)
class Rows:
    """How rows are read: what a CSV did to them on their way is no difference."""

    texts: frozenset[str] = frozenset()  #: columns whose values are texts by now
    drops_empty: bool = False  #: an empty text is a missing value by now

    def sums(self, rows: Iterable[Json]) -> RowSums:
        """Return what rows come to; rows: as GeoJSON has them."""
        count = values = indexes = 0
        for feature in rows:
            row = self._row(feature)
            properties = feature.get("properties") or {}
            index = properties.get(INDEX, feature.get("id"))
            count += 1
            values += _sum(row)
            indexes += _sum(f"{index}\n{row}")
        return RowSums(count, values % _MODULUS, indexes % _MODULUS)

    def _row(self, feature: Json) -> str:
        values = {
            key: text_of(value) if key in self.texts else _number(value)
            for key, value in (feature.get("properties") or {}).items()
            if key != INDEX and value is not None and not (self.drops_empty and value == "")
        }
        return json.dumps([values, _number(feature.get("geometry"))], sort_keys=True)


@dataclass(frozen=True)
class RowSums:
    """What all rows of a table come to."""

    count: int
    values: int  #: of their values and geometries
    indexes: int  #: of these and their ``system:index``


def _sum(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest())


def _number(value: Any) -> Any:
    """Return a value with all of its numbers as floats."""
    if isinstance(value, dict):
        return {key: _number(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_number(item) for item in value]
    return value if isinstance(value, str | bool | None) else float(value)
