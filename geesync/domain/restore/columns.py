"""The columns of a table that is ingested from a CSV: what they are called, and of which type.

https://developers.google.com/earth-engine/guides/table_manifest
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

_TEXT = "COLUMN_DATA_TYPE_STRING"

#: What a column's values must be for each type of a table; a text like 007 must stay one.
_COLUMN_TYPES = {
    "string": "COLUMN_DATA_TYPE_STRING",
    "integer": "COLUMN_DATA_TYPE_LONG",
    "number": "COLUMN_DATA_TYPE_NUMERIC",
}


def geometry_column(columns: Collection[str]) -> str:
    """Return what the column of geometries is called in the CSV that is uploaded."""
    name = "geometry"
    while name in columns:
        name += "_"
    return name


def become_texts(columns: Mapping[str, list[str]]) -> frozenset[str]:
    """Return the columns whose values are ingested as texts, and were none, or not all of them."""
    return frozenset(
        name
        for name, kinds in columns.items()
        if column_type(kinds) == _TEXT and not {"string", "null"}.issuperset(kinds)
    )


def text_of(value: Any) -> str:
    """Return a value as a cell of a CSV."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=float)


def column_type(kinds: list[str]) -> str:
    """Return the type of a column: that of its values, or text where they are several."""
    real = {kind for kind in kinds if kind != "null"}
    if real == {"integer", "number"}:
        real = {"number"}
    return _COLUMN_TYPES.get(real.pop(), "COLUMN_DATA_TYPE_STRING") if len(real) == 1 else _TEXT
