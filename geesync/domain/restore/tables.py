"""How a table is made again: as an expression of its rows where it is small, else from a CSV.

An expression keeps types, indexes and empty texts as they were; no file is uploaded, and nothing is
read from text. https://developers.google.com/earth-engine/guides/usage: 10 MB at most. A CSV:
https://developers.google.com/earth-engine/guides/table_manifest
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from geesync.domain.assets.asset import TABLE, SourceAsset
from geesync.domain.json import Json
from geesync.domain.tasks.expressions import call, expression

#: Of a table's GeoJSON: its expression has about twice as many.
_MOST_BYTES = 4 * 2**20

#: Every whole number up to this one is a double, too.
_EXACT = 2**53

_CONSTRUCTORS = frozenset(
    {"Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon"}
)


def goes_as_features(source: SourceAsset, sidecar: Json) -> bool:
    """Whether a table is made of an expression of its rows.

    A column whose values have several types must become text, and times only a manifest sets.
    """
    if source.type != TABLE or "startTime" in source.json or "endTime" in source.json:
        return False
    files = _geojsons(sidecar)
    kinds = [
        set(types) - {"null"} for types in sidecar.get("table", {}).get("columns", {}).values()
    ]
    mixed = any(len(kind) > 1 and kind != {"integer", "number"} for kind in kinds)
    return len(files) == 1 and int(files[0]["size_bytes"]) <= _MOST_BYTES and not mixed


def geojson_in(sidecar: Json) -> str:
    """Return the name of the file that has a table's rows as GeoJSON; "" if there is none."""
    return next((str(file["name"]) for file in _geojsons(sidecar)), "")


def _geojsons(sidecar: Json) -> list[Json]:
    return [
        file
        for part in sidecar.get("parts", ())
        if part.get("extension") == "geojson"
        for file in part["files"]
    ]


def export_of(features: Iterable[Json], target: str, mark: tuple[str, str]) -> Json:
    """Return the body of an export of rows into an asset, but for its id and description.

    features: as GeoJSON has them. mark: a property of the table, (key, value), which not every
    table keeps. Never with ``overwrite``.
    """
    rows = {"arrayValue": {"values": [_feature(feature) for feature in features]}}
    table = call("Collection", features=rows)
    marked = call("Element.set", object=table, key=mark[0], value=mark[1])
    return {
        "expression": expression(marked),
        "assetExportOptions": {"earthEngineDestination": {"name": target}},
    }


def _feature(feature: Json) -> Json:
    members = {
        key: value for key, value in (feature.get("properties") or {}).items() if value is not None
    }
    if "id" in feature:
        members["system:index"] = str(feature["id"])
    geometry = feature.get("geometry")
    where = {"geometry": _geometry(geometry)} if geometry else {}
    return call("Feature", **where, metadata=_dictionary(members))


def _dictionary(properties: Json) -> Json:
    """Return values as an expression has them; a number in JSON is a double at Earth Engine."""
    large = {
        key: {"integerValue": str(value)}
        for key, value in properties.items()
        if type(value) is int and _EXACT < abs(value) < 2**63
    }
    if not large:
        return {"constantValue": properties}
    plain = {key: {"constantValue": value} for key, value in properties.items()}
    return {"dictionaryValue": {"values": plain | large}}


def _geometry(geometry: Json) -> Json:
    kind = geometry["type"]
    if kind == "GeometryCollection":
        members = [_geometry(member) for member in geometry["geometries"]]
        inner = {"arrayValue": {"values": members}}
        return call("GeometryConstructors.MultiGeometry", geometries=inner)
    if kind not in _CONSTRUCTORS:
        raise ValueError(kind)
    flag = (
        {} if "geodesic" not in geometry or "Point" in kind else {"geodesic": geometry["geodesic"]}
    )
    return call(f"GeometryConstructors.{kind}", coordinates=geometry["coordinates"], **flag)


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
