"""GeoParquet made of a proved GeoJSON, in bounded memory. Imports PyArrow and Shapely."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from importlib.util import find_spec
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

from geesync.domain.json import Json
from geesync.errors import Cause, ConfigError, RemoteError

_INDEX = "system:index"

#: JSON types that a column has a type for; values of others are kept as JSON texts.
_TYPED = frozenset({"boolean", "integer", "number", "string"})

#: Features have at most a million vertices, mostly a few: a group is some megabytes.
_GROUP_ROWS = 4096


def require() -> None:
    """Raise ConfigError if what writes GeoParquet is not installed."""
    if not (find_spec("pyarrow") and find_spec("shapely")):
        raise ConfigError(
            "tables as geoparquet need PyArrow and Shapely",
            hint="pip install 'geesync[geoparquet]'",
        )


def make_geoparquet(geojson: Path, target: Path, held: Json) -> None:
    """Write the rows of a GeoJSON as GeoParquet 1.1, and compare each with its feature.

    held: its ``rows``, ``columns`` with their JSON types, and ``geometries`` by type. Raises
    RemoteError INTEGRITY if it cannot be written, or has other rows; ConfigError as ``require``.
    """
    require()
    import pyarrow as pa  # noqa: PLC0415 # an extra: only who uses it has it
    import shapely  # noqa: PLC0415 # likewise
    from pyarrow import parquet  # noqa: PLC0415 # likewise

    from geesync.adapters.tables.table_reading import rows_in  # noqa: PLC0415 # ijson is slow to load

    kinds = {name: _kind(types) for name, types in held["columns"].items() if name != _INDEX}
    place = _free("geometry", kinds)
    types = {"boolean": pa.bool_(), "integer": pa.int64(), "number": pa.float64()}
    schema = pa.schema(
        [
            (_INDEX, pa.string()),
            *((name, types.get(kind, pa.string())) for name, kind in kinds.items()),
            (place, pa.binary()),
        ],
        metadata={"geo": json.dumps(_geo(place, held["geometries"]))},
    )
    try:
        with parquet.ParquetWriter(target, schema, compression="zstd") as writer:
            for group in _groups(rows_in(geojson)):
                rows = [_row(feature, kinds, place, shapely.from_geojson) for feature in group]
                writer.write_table(pa.Table.from_pylist(rows, schema=schema))
        with parquet.ParquetFile(target) as made:
            rows_made = (row for batch in made.iter_batches() for row in batch.to_pylist())
            _compare(rows_made, rows_in(geojson), kinds, place)
    except (pa.ArrowException, shapely.errors.ShapelyError, ValueError, OverflowError) as error:
        raise RemoteError(Cause.INTEGRITY, f"{target.name} cannot be made: {error}") from error


def _groups(features: Iterator[Json]) -> Iterator[list[Json]]:
    while group := list(islice(features, _GROUP_ROWS)):
        yield group


def _compare(
    rows: Iterator[dict[str, Any]], features: Iterator[Json], kinds: Mapping[str, str], place: str
) -> None:
    """Raise ValueError for the first row that does not say what its feature says."""
    for number, (row, feature) in enumerate(zip_longest(rows, features), 1):
        if row is None or feature is None:
            raise ValueError(f"it has other rows than the GeoJSON from row {number} on")
        properties = feature.get("properties") or {}
        expected = {name: _read_back(row[name], kind) for name, kind in kinds.items()}
        meant = {name: _meant(properties.get(name), kind) for name, kind in kinds.items()}
        if expected != meant or row[_INDEX] != feature.get("id", properties.get(_INDEX)):
            raise ValueError(f"row {number} differs from its feature")
        if not _same_shape(row[place], _shape(feature.get("geometry"))):
            raise ValueError(f"the geometry of row {number} differs from its feature's")


def _read_back(value: Any, kind: str) -> Any:
    return value if value is None or kind in _TYPED else json.loads(value)


def _meant(value: Any, kind: str) -> Any:
    """Return a value as its column's type tells it: a whole number among fractions is a double."""
    return float(value) if kind == "number" and value is not None else _plain(value)


def _plain(value: Any) -> Any:
    """Return a value with its fractions as floats, as JSON is read elsewhere."""
    match value:
        case Decimal():
            return float(value)
        case list():
            return [_plain(item) for item in value]
        case dict():
            return {name: _plain(item) for name, item in value.items()}
    return value


def _same_shape(wkb: bytes | None, geometry: Json | None) -> bool:
    """Whether a geometry has the type and the coordinates that GeoJSON told."""
    import shapely  # noqa: PLC0415 # an extra: only who uses it has it

    if wkb is None or geometry is None:
        return wkb is None and geometry is None
    return _same(shapely.geometry.mapping(shapely.from_wkb(wkb)), _plain(geometry))


def _same(made: Json, expected: Json) -> bool:
    if made["type"] != expected["type"]:
        return False
    if "geometries" in made:
        pairs = zip_longest(made["geometries"], expected["geometries"], fillvalue={"type": None})
        return all(_same(*pair) for pair in pairs)
    return bool(_lists(made["coordinates"]) == _lists(expected["coordinates"]))


def _lists(coordinates: Any) -> Any:
    if isinstance(coordinates, list | tuple):
        return [_lists(pair) for pair in coordinates]
    return float(coordinates)


def _kind(types: list[str]) -> str:
    """Return the item JSON type of a column's values, or "any": these are kept as JSON texts."""
    kinds = set(types) - {"null"}
    if kinds == {"integer", "number"}:
        return "number"
    if not kinds:
        return "string"
    return kinds.pop() if len(kinds) == 1 else "any"


def _row(
    feature: Json, kinds: Mapping[str, str], place: str, read: Callable[[str], Any]
) -> dict[str, Any]:
    properties = feature.get("properties") or {}
    geometry = _shape(feature.get("geometry"))
    row = {name: _value(properties.get(name), kind) for name, kind in kinds.items()}
    row[_INDEX] = feature.get("id", properties.get(_INDEX))
    row[place] = None if geometry is None else read(json.dumps(geometry, default=float)).wkb
    return row


def _shape(geometry: Json | None) -> Json | None:
    """Return a geometry without Earth Engine's own type: a ring is a line that is closed."""
    if geometry is None:
        return None
    if "geometries" in geometry:
        return {**geometry, "geometries": [*map(_shape, geometry["geometries"])]}
    return {**geometry, "type": geometry["type"].replace("LinearRing", "LineString")}


def _value(value: Any, kind: str) -> Any:
    if value is None or kind in {"boolean", "integer", "string"}:
        return value
    return (
        float(value) if kind == "number" else json.dumps(value, ensure_ascii=False, default=float)
    )


def _free(name: str, taken: Mapping[str, str]) -> str:
    while name in taken:
        name = f"_{name}"
    return name


def _geo(place: str, geometries: Mapping[str, int]) -> Json:
    """Return the metadata that https://geoparquet.org/releases/v1.1.0/ asks for.

    It names no CRS, which means longitude and latitude in degrees.
    """
    found = sorted({kind.replace("LinearRing", "LineString") for kind in geometries} - {"null"})
    column = {"encoding": "WKB", "geometry_types": found}
    return {"version": "1.1.0", "primary_column": place, "columns": {place: column}}
