"""GeoParquet made of a proved GeoJSON, in bounded memory. Imports PyArrow and Shapely."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

from geesync.domain.json import Json
from geesync.domain.messages.words import counted
from geesync.errors import Cause, ConfigError, RemoteError

_INDEX = "system:index"

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
    """Write the rows of a GeoJSON as GeoParquet 1.1, and count them.

    held: its ``rows``, ``columns`` with their JSON types, and ``geometries`` by type. Raises
    RemoteError INTEGRITY if it cannot be written, or has other rows; ConfigError as ``require``.
    """
    require()
    import pyarrow as pa  # noqa: PLC0415 # an extra: only who uses it has it
    import shapely  # noqa: PLC0415 # likewise
    from pyarrow import parquet  # noqa: PLC0415 # likewise

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
            for features in _groups(geojson):
                rows = [_row(one, kinds, place, shapely.from_geojson) for one in features]
                writer.write_table(pa.Table.from_pylist(rows, schema=schema))
        count = parquet.read_metadata(target).num_rows
    except (pa.ArrowException, shapely.errors.ShapelyError, ValueError, OverflowError) as error:
        raise RemoteError(Cause.INTEGRITY, f"{target.name} cannot be made: {error}") from error
    if count != held["rows"]:
        raise RemoteError(
            Cause.INTEGRITY,
            f"{target.name} has {counted(count, 'row')}, the GeoJSON {held['rows']:,}",
        )


def _groups(geojson: Path) -> Iterator[list[Json]]:
    import ijson  # noqa: PLC0415 # the configuration only asks whether we could

    with geojson.open("rb") as file:
        features = ijson.items(file, "features.item", use_float=True)
        while group := list(islice(features, _GROUP_ROWS)):
            yield group


def _kind(types: list[str]) -> str:
    """Return the one JSON type of a column's values, or "any": these are kept as JSON texts."""
    told = set(types) - {"null"}
    if told == {"integer", "number"}:
        return "number"
    if not told:
        return "string"
    return told.pop() if len(told) == 1 else "any"


def _row(
    feature: Json, kinds: Mapping[str, str], place: str, read: Callable[[str], Any]
) -> dict[str, Any]:
    properties = feature.get("properties") or {}
    geometry = feature.get("geometry")
    row = {name: _value(properties.get(name), kind) for name, kind in kinds.items()}
    row[_INDEX] = feature.get("id", properties.get(_INDEX))
    row[place] = None if geometry is None else read(json.dumps(geometry)).wkb
    return row


def _value(value: Any, kind: str) -> Any:
    if value is None or kind in {"boolean", "integer", "string"}:
        return value
    return float(value) if kind == "number" else json.dumps(value, ensure_ascii=False)


def _free(name: str, taken: Mapping[str, str]) -> str:
    while name in taken:
        name = f"_{name}"
    return name


def _geo(place: str, geometries: Mapping[str, int]) -> Json:
    """Return the metadata that https://geoparquet.org/releases/v1.1.0/ asks for.

    It names no CRS, which means longitude and latitude in degrees.
    """
    found = sorted(kind for kind in geometries if kind != "null")
    column = {"encoding": "WKB", "geometry_types": found}
    return {"version": "1.1.0", "primary_column": place, "columns": {place: column}}
