"""What table a table manifest describes: rows of CSV files or shapefiles, with their types.

https://developers.google.com/earth-engine/guides/table_manifest
"""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import shapely
from rasterio.warp import transform_geom
from shapely.errors import ShapelyError

from geesync.simulator.computing.projections import parse_crs
from geesync.simulator.exports.asset_exports import BYTES_A_ROW
from geesync.simulator.exports.tables import GEOMETRY, INDEX
from geesync.simulator.ingestion.mosaics import Fetch, refused
from geesync.simulator.profiles import Profile
from geesync.simulator.world.pixels import Json, SimAsset, SimFeature

MOST_COLUMNS = 1024
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
DEGREES = "EPSG:4326"
LONGITUDE, LATITUDE = "longitude", "latitude"  #: columns of points, unless others are named

Row = dict[str, str]
Table = tuple[list[str], list[Row]]  #: columns and rows of a file
Convert = Callable[[str], Any]


def ingest_table(manifest: Json, fetch: Fetch, profile: Profile) -> SimAsset:
    """Return the table of a manifest, without its name.

    Raises ExportRefused if a file is not there or cannot be read.
    """
    tables = [_read_csv(source, fetch(source["uris"])) for source in manifest["sources"]]
    if len({tuple(columns) for columns, _ in tables}) > 1:
        raise refused("All sources of a table must have the same columns.")
    features = [
        feature
        for source, table in zip(manifest["sources"], tables, strict=True)
        for feature in _features(source, manifest, table, profile)
    ]
    numbered = tuple(
        feature
        if profile.imported_index == "kept" and feature.index
        else SimFeature(f"{number:020x}", feature.geometry, feature.properties)
        for number, feature in enumerate(features)
    )
    return SimAsset(
        name="",
        type="TABLE",
        properties=manifest.get("properties", {}),
        start_time=manifest.get("startTime"),
        end_time=manifest.get("endTime"),
        features=lambda: iter(numbered),
        feature_count=len(numbered),
        size_bytes=BYTES_A_ROW * len(numbered),
    )


def _features(source: Json, manifest: Json, table: Table, profile: Profile) -> Iterator[SimFeature]:
    columns, rows = table
    place, used = _geometry(source, columns, rows, profile)
    converts = _types([c for c in columns if c not in used], rows, manifest)
    for row in rows:
        properties = {
            column: convert(row[column]) for column, convert in converts.items() if row[column]
        }
        yield SimFeature(row.get(INDEX, ""), place(row), properties)


def _read_csv(source: Json, file: Path) -> Table:
    csv.field_size_limit(sys.maxsize)
    try:
        with file.open(encoding=source.get("charset", "UTF-8"), newline="") as text:
            lines = csv.reader(
                text,
                delimiter=source.get("csvDelimiter", ","),
                quotechar=source.get("csvQualifier", '"'),
                strict=True,
            )
            columns = next(lines, [])
            rows = [dict(zip(columns, cells, strict=True)) for cells in lines]
    except (csv.Error, ValueError, LookupError) as error:  # LookupError: the charset's name
        raise refused(f"Unable to read {file.name}: {error}.") from error
    if not columns:
        raise refused(f"{file.name} has no columns.")
    for column in {each for each in columns if columns.count(each) > 1}:
        raise refused(f"{file.name} has the column '{column}' twice.")
    if len(columns) > MOST_COLUMNS:
        raise refused(f"{file.name} has {len(columns)} columns (max: {MOST_COLUMNS}).")
    return columns, rows


# --- Types of columns.


def _types(columns: list[str], rows: list[Row], manifest: Json) -> dict[str, Convert]:
    """Return how the cells of each column are read: as declared, or as numbers if all are."""
    declared = manifest.get("columnDataTypeOverrides", {})
    converts: dict[str, Convert] = {}
    for column in columns:
        if column == INDEX:
            continue
        match declared.get(column, "").removeprefix("COLUMN_DATA_TYPE_"):
            case "STRING":
                converts[column] = str
            case "LONG":
                converts[column] = _declared(column, int)
            case "NUMERIC":
                converts[column] = _declared(column, _number)
            case _:
                cells = (row[column] for row in rows if row[column])
                numeric = all(NUMBER.fullmatch(cell) for cell in cells)
                converts[column] = _number if numeric else str
    return converts


def _declared(column: str, convert: Convert) -> Convert:
    def read(cell: str) -> Any:
        try:
            return convert(cell)
        except ValueError as error:
            raise refused(f"Column '{column}' has a value that is no number: {cell!r}.") from error

    return read


def _number(cell: str) -> int | float:
    """Return a number as it would be written in JSON: 7 for 7, 7.0 for 7.0."""
    try:
        return int(cell)
    except ValueError:
        return float(cell)


# --- Geometries.

Place = Callable[[Row], Json | None]


def _geometry(
    source: Json, columns: list[str], rows: list[Row], profile: Profile
) -> tuple[Place, Sequence[str]]:
    """Return how a row's geometry is found, and the columns that it is made of.

    That is the column named in the source, or the first that holds nothing else, or two of
    coordinates.
    """
    crs = source.get("crs", DEGREES)
    named = source.get("primaryGeometryColumn")
    if named and named not in columns:
        raise refused(f"There is no column '{named}'.")
    tried = [named] if named else _candidates(columns, profile)
    for column in tried:
        cells = [row[column] for row in rows if row[column]]
        if cells and all(_is_geometry(cell) for cell in cells):
            return partial(_read_geometry, column=column, crs=crs), (column,)
    if named:
        raise refused(f"Column '{named}' holds no geometries.")
    pair = _coordinate_columns(source, columns)
    return (lambda row: _point(row, pair, crs) if pair else None), ()


def _candidates(columns: Iterable[str], profile: Profile) -> list[str]:
    as_text = profile.imported_geo_column == "text"
    return [c for c in columns if c != INDEX and not (as_text and c == GEOMETRY)]


def _coordinate_columns(source: Json, columns: list[str]) -> tuple[str, str] | None:
    projected = parse_crs(source.get("crs", DEGREES)).is_projected
    x = source.get("xColumn", "" if projected else LONGITUDE)
    y = source.get("yColumn", "" if projected else LATITUDE)
    for column in (source.get("xColumn"), source.get("yColumn")):
        if column and column not in columns:
            raise refused(f"There is no column '{column}'.")
    return (x, y) if x in columns and y in columns else None


def _point(row: Row, pair: tuple[str, str], crs: str) -> Json | None:
    x, y = (row[column] for column in pair)
    if not (NUMBER.fullmatch(x) and NUMBER.fullmatch(y)):
        return None
    return _in_degrees({"type": "Point", "coordinates": [float(x), float(y)]}, crs)


def _is_geometry(cell: str) -> bool:
    try:
        _parse(cell)
    except (ValueError, ShapelyError):
        return False
    return True


def _read_geometry(row: Row, column: str, crs: str) -> Json | None:
    cell = row[column]
    shape = _parse(cell) if cell else None
    if not shape or not (shape.get("coordinates") or shape.get("geometries")):
        return None  # an export writes a geometry without points for none
    return _in_degrees(shape, crs)


def _parse(cell: str) -> Json:
    """Return the geometry that a cell holds as GeoJSON or WKT; raises ValueError if none."""
    if cell.lstrip().startswith("{"):
        shape = json.loads(cell)
        if "coordinates" not in shape and "geometries" not in shape:
            raise ValueError("no geometry")
        return dict(shape)
    return dict(json.loads(shapely.to_geojson(shapely.from_wkt(cell))))


def _in_degrees(shape: Json, crs: str) -> Json:
    return shape if crs == DEGREES else dict(transform_geom(parse_crs(crs), DEGREES, shape))
