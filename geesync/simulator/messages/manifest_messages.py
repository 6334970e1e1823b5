"""The messages that describe an ingestion: which files an asset is made of, and how."""

from __future__ import annotations

import re
from typing import Any

from geesync.simulator.messages.property_rules import check_bands, properties
from geesync.simulator.messages.reading import (
    Parser,
    anything,
    boolean,
    checked,
    double,
    enum,
    finite,
    int32,
    mapping,
    message,
    not_negative,
    repeated,
    required,
    string,
    timestamp,
)
from geesync.simulator.messages.schemas import (
    AFFINE_TRANSFORM,
    DIMENSIONS,
    PYRAMIDING,
    request_id,
)
from geesync.simulator.refusals import BadRequest, NotSimulated
from geesync.simulator.world.pixels import Json

#: Group 3 is the generation, if one is meant.
GS_URI = re.compile(r"gs://([^/#]+)/([^#]+)(?:#(\d+))?")
#: Names of pixel types in a manifest → those of numpy.
PIXEL_TYPES = {
    "INT8": "int8",
    "UINT8": "uint8",
    "INT16": "int16",
    "UINT16": "uint16",
    "INT32": "int32",
    "UINT32": "uint32",
    "FLOAT": "float32",
    "DOUBLE": "float64",
}
FEWEST_CORNERS = 3
NEWER = "columnDataTypeOverrides"
COLUMN_TYPES = (
    "COLUMN_DATA_TYPE_UNSPECIFIED",
    "COLUMN_DATA_TYPE_STRING",
    "COLUMN_DATA_TYPE_NUMERIC",
    "COLUMN_DATA_TYPE_LONG",
)


MISSING_DATA = message({"values": repeated(double)})
_ASSET: dict[str, Parser] = {
    "name": string,
    "properties": properties,
    "uriPrefix": string,
    "startTime": timestamp,
    "endTime": timestamp,
    "memo": string,
}
TILESET = message(
    {
        "id": string,
        "sources": repeated(
            message(
                {
                    "uris": repeated(string),
                    "affineTransform": AFFINE_TRANSFORM,
                    "dimensions": DIMENSIONS,
                }
            )
        ),
        "dataType": enum("DATA_TYPE_UNSPECIFIED", *PIXEL_TYPES),
        "crs": string,
        "subdatasetPrefix": string,
        "subdatasetSuffix": string,
    }
)
BAND = required(
    message(
        {
            "id": string,
            "tilesetId": string,
            "tilesetBandIndex": int32,
            "missingData": MISSING_DATA,
            "pyramidingPolicy": enum(*PYRAMIDING),
        }
    ),
    "id",
)
IMAGE_MANIFEST = required(
    message(
        {
            **_ASSET,
            "tilesets": repeated(TILESET),
            "bands": repeated(BAND),
            "maskBands": repeated(message({"tilesetId": string, "bandIds": repeated(string)})),
            "footprint": message(
                {
                    "points": repeated(message({"x": finite, "y": finite})),
                    "bandId": string,
                    "bandIds": repeated(string),
                }
            ),
            "missingData": MISSING_DATA,
            "pyramidingPolicy": enum(*PYRAMIDING),
            "skipMetadataRead": boolean,
            "minTileAreaRatio": double,
        }
    ),
    "name",
)

_CHARACTER = checked(string, lambda text: len(text) == 1, "it must be a single character.")
TABLE_MANIFEST = required(
    message(
        {
            **_ASSET,
            "sources": repeated(
                message(
                    {
                        "uris": repeated(string),
                        "charset": string,
                        "maxErrorMeters": not_negative(double),
                        "maxVertices": not_negative(int32),
                        "crs": string,
                        "geodesic": boolean,
                        "primaryGeometryColumn": string,
                        "xColumn": string,
                        "yColumn": string,
                        "dateFormat": string,
                        "csvDelimiter": _CHARACTER,
                        "csvQualifier": _CHARACTER,
                        "simplifyErrorMeters": double,
                    }
                )
            ),
            "columnDataTypeOverrides": mapping(enum(*COLUMN_TYPES)),
            "csvColumnDataTypeOverrides": mapping(enum(*(f"CSV_{name}" for name in COLUMN_TYPES))),
            "policy": anything,
        }
    ),
    "name",
)


def image_manifest(value: Any, at: str) -> Json:
    """Read the manifest of an image, whose parts must name each other rightly."""
    manifest: Json = IMAGE_MANIFEST(value, at)
    tilesets, bands = manifest.get("tilesets", []), manifest.get("bands", [])
    _check_sources(manifest, [each for tileset in tilesets for each in tileset.get("sources", [])])
    if not all(tileset.get("sources") for tileset in tilesets):
        raise BadRequest("Each tileset must have at least one source.")
    known = {tileset.get("id", "") for tileset in tilesets}
    _check_unique("tileset", [tileset.get("id", "") for tileset in tilesets])
    _check_unique("band", [band["id"] for band in bands])
    check_bands(band["id"] for band in bands)
    for member in (*bands, *manifest.get("maskBands", [])):
        wanted = member.get("tilesetId", "")
        if wanted not in known and (wanted or len(known) > 1):
            raise BadRequest(f"Unknown tileset '{member.get('tilesetId', '')}'.")
    _check_masks(manifest.get("maskBands", []), [band["id"] for band in bands])
    _check_footprint(manifest.get("footprint", {}), [band["id"] for band in bands])
    return manifest


def _table_manifest(value: Any, at: str) -> Json:
    manifest: Json = TABLE_MANIFEST(value, at)
    _check_sources(manifest, manifest.get("sources", []))
    for source in manifest["sources"]:
        if len(source["uris"]) > 1:
            raise BadRequest("Each source of a table must have exactly one URI.")
        for field in ("dateFormat", "maxVertices"):
            if source.get(field):
                raise NotSimulated(f"The simulator does not have {field} of a table's source.")
    older = manifest.pop("csvColumnDataTypeOverrides", {})
    overrides = {column: name.removeprefix("CSV_") for column, name in older.items()}
    return {**manifest, "columnDataTypeOverrides": overrides | manifest.get(NEWER, {})}


def _check_sources(manifest: Json, sources: list[Json]) -> None:
    if not sources:
        raise BadRequest("The manifest must name at least one source.")
    if not all(source.get("uris") for source in sources):
        raise BadRequest("Each source must have at least one URI.")
    for uri in uris(manifest, sources):
        if GS_URI.fullmatch(uri) is None:
            raise BadRequest(f"Invalid source URI '{uri}': only gs://bucket/object can be read.")


def uris(manifest: Json, sources: list[Json]) -> list[str]:
    """Return the full URIs of all files of these sources."""
    prefix = manifest.get("uriPrefix", "")
    return [prefix + uri for source in sources for uri in source["uris"]]


def _check_unique(kind: str, ids: list[str]) -> None:
    for repeated_id in {each for each in ids if ids.count(each) > 1}:
        raise BadRequest(f"Duplicate {kind} ID '{repeated_id}'.")


def _check_masks(mask_bands: list[Json], bands: list[str]) -> None:
    masked = [band for mask in mask_bands for band in mask.get("bandIds") or bands]
    for band in masked:
        if bands and band not in bands:
            raise BadRequest(f"Unknown band '{band}' in mask_bands.")
        if masked.count(band) > 1:
            raise BadRequest(f"Band '{band}' has more than one mask.")


def _check_footprint(footprint: Json, bands: list[str]) -> None:
    if 0 < len(footprint.get("points", ())) < FEWEST_CORNERS:
        raise BadRequest("The footprint must be a ring of at least three points.")
    for band in filter(None, [footprint.get("bandId"), *footprint.get("bandIds", ())]):
        if bands and band not in bands:
            raise BadRequest(f"Unknown band '{band}' in footprint.")


_IMPORT: dict[str, Parser] = {
    "description": string,
    "overwrite": boolean,
    "requestId": request_id,
}
IMPORT_IMAGE = required(
    message({**_IMPORT, "imageManifest": image_manifest, "mode": enum("INGEST")}),
    "imageManifest",
)
IMPORT_EXTERNAL_IMAGE = required(
    message(
        {
            "imageManifest": image_manifest,
            "overwrite": boolean,
            "useLatestObjectVersion": boolean,
        }
    ),
    "imageManifest",
)
IMPORT_TABLE = required(
    message({**_IMPORT, "tableManifest": _table_manifest}),
    "tableManifest",
)
