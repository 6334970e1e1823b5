"""The bodies of Earth Engine's v1 requests, field by field."""

from __future__ import annotations

import re
from typing import Any

from geesync.simulator.messages.expression_message import expression
from geesync.simulator.messages.property_rules import workload_tag
from geesync.simulator.messages.reading import (
    Parser,
    anything,
    boolean,
    checked,
    double,
    enum,
    finite,
    int32,
    int64,
    mapping,
    message,
    not_negative,
    positive,
    repeated,
    required,
    string,
    timestamp,
    wrapped,
)
from geesync.simulator.refusals import BadRequest

ASSET_TYPES = ("FOLDER", "IMAGE_COLLECTION", "IMAGE", "TABLE", "CLASSIFIER", "FEATURE_VIEW")
PYRAMIDING = ("PYRAMIDING_POLICY_UNSPECIFIED", "MEAN", "MODE", "SAMPLE", "MIN", "MAX", "MEDIAN")
REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,60}")
HIGHEST_PRIORITY = 9999


DIMENSIONS = message(dict.fromkeys(("width", "height"), positive(int32)))
AFFINE_TRANSFORM = message(
    dict.fromkeys(("scaleX", "shearX", "translateX", "shearY", "scaleY", "translateY"), finite)
)
PIXEL_GRID = message(
    {
        "crsCode": string,
        "crsWkt": string,
        "dimensions": DIMENSIONS,
        "affineTransform": AFFINE_TRANSFORM,
    },
    ("crsCode", "crsWkt"),
)
CLOUD_STORAGE = message(
    {
        "bucket": string,
        "filenamePrefix": string,
        "permissions": enum("TILE_PERMISSIONS_UNSPECIFIED", "PUBLIC", "DEFAULT_OBJECT_ACL"),
        "bucketCorsUris": repeated(string),
    }
)
DRIVE = message({"folder": string, "filenamePrefix": string})
DESTINATIONS = ("cloudStorageDestination", "driveDestination")
EARTH_ENGINE = message({"name": string, "overwrite": boolean})

GEO_TIFF_OPTIONS = message(
    {
        "cloudOptimized": boolean,
        "tileDimensions": DIMENSIONS,
        "skipEmptyFiles": boolean,
        "tileSize": positive(wrapped(int32)),
        "noData": message({"floatValue": double}),  # other members are not supported yet
        "metadataKeys": repeated(string),
        "pyramidOptions": message({"resamplingMethod": string}),
    }
)
TF_RECORD_OPTIONS = message(
    {
        "tileDimensions": DIMENSIONS,
        "marginDimensions": DIMENSIONS,
        "compress": boolean,
        "maxSizeBytes": wrapped(int64),
        "defaultValue": double,
        "tensorDepths": mapping(int32),
        "sequenceData": boolean,
        "collapseBands": boolean,
        "maxMaskedRatio": wrapped(double),
    }
)
IMAGE_FILE_OPTIONS = required(
    message(
        {
            "fileFormat": enum("GEO_TIFF", "TF_RECORD_IMAGE"),
            "cloudStorageDestination": CLOUD_STORAGE,
            "driveDestination": DRIVE,
            "geoTiffOptions": GEO_TIFF_OPTIONS,
            "tfRecordOptions": TF_RECORD_OPTIONS,
        },
        DESTINATIONS,
        ("geoTiffOptions", "tfRecordOptions"),
    ),
    *DESTINATIONS,
)
IMAGE_ASSET_OPTIONS = message(
    {
        "earthEngineDestination": EARTH_ENGINE,
        "pyramidingPolicy": enum(*PYRAMIDING),
        "pyramidingPolicyOverrides": mapping(enum(*PYRAMIDING)),
        "tileSize": positive(wrapped(int32)),
    }
)
TABLE_FILE_OPTIONS = required(
    message(
        {
            "fileFormat": enum("CSV", "GEO_JSON", "KML", "KMZ", "SHP", "TF_RECORD_TABLE"),
            "cloudStorageDestination": CLOUD_STORAGE,
            "driveDestination": DRIVE,
        },
        DESTINATIONS,
    ),
    *DESTINATIONS,
)


def request_id(value: Any, at: str) -> str:
    """Read a request id: at most 60 letters, digits and hyphens."""
    text = string(value, at)
    if text and REQUEST_ID.fullmatch(text) is None:
        raise BadRequest(f"Invalid request_id '{text}'.")
    return text


def priority(value: Any, at: str) -> int:
    """Read a task's priority."""
    number: int = wrapped(int32)(value, at)
    if not 0 <= number <= HIGHEST_PRIORITY:
        raise BadRequest(f"Priority must be between 0 and {HIGHEST_PRIORITY}, got {number}.")
    return number


_EXPORT: dict[str, Parser] = {
    "expression": expression,
    "description": string,
    "requestId": request_id,
    "workloadTag": workload_tag,
    "priority": priority,
    "maxWorkers": wrapped(int32),
}
EXPORT_IMAGE = required(
    required(
        message(
            {
                **_EXPORT,
                "maxPixels": wrapped(int64),
                "grid": PIXEL_GRID,
                "fileExportOptions": IMAGE_FILE_OPTIONS,
                "assetExportOptions": IMAGE_ASSET_OPTIONS,
            },
            ("fileExportOptions", "assetExportOptions"),
        ),
        "fileExportOptions",
        "assetExportOptions",
    ),
    "expression",
)
EXPORT_TABLE = required(
    required(
        message(
            {
                **_EXPORT,
                "selectors": repeated(string),
                "maxErrorMeters": not_negative(wrapped(double)),
                "maxVertices": not_negative(wrapped(int32)),
                "policy": anything,
                "fileExportOptions": TABLE_FILE_OPTIONS,
                "assetExportOptions": message({"earthEngineDestination": EARTH_ENGINE}),
                "featureViewExportOptions": anything,
                "bigqueryExportOptions": anything,
            },
            (
                "fileExportOptions",
                "assetExportOptions",
                "featureViewExportOptions",
                "bigqueryExportOptions",
            ),
        ),
        "fileExportOptions",
        "assetExportOptions",
        "featureViewExportOptions",
        "bigqueryExportOptions",
    ),
    "expression",
)

BAND = message(
    {
        "id": string,
        **dict.fromkeys(("dataType", "grid", "pyramidingPolicy", "missingData"), anything),
    }
)
ASSET = message(
    {
        "type": enum(*ASSET_TYPES),
        "name": string,
        "id": string,
        "updateTime": timestamp,
        "properties": mapping(anything),  # judged by what is done with them
        "startTime": timestamp,
        "endTime": timestamp,
        "geometry": mapping(anything),
        "bands": repeated(BAND),
        "sizeBytes": int64,
        "featureCount": int64,
        "quota": anything,
        "tilesets": repeated(anything),
        "cloudStorageLocation": message({"uris": repeated(string)}),
        "featureViewAssetLocation": anything,
        "expression": anything,
    }
)


def field_mask(value: Any, at: str) -> list[str]:
    """Read a field mask: ``"a,b"`` as in the reference, ``{"paths": [...]}`` as the client."""
    if isinstance(value, dict):
        paths: list[str] = message({"paths": repeated(string)})(value, at).get("paths", [])
        return paths
    return [path for path in string(value, at).split(",") if path]


PATCH_ASSET = message({"asset": ASSET, "updateMask": field_mask})
COPY_ASSET = message({"destinationName": string, "overwrite": boolean, "bandIds": repeated(string)})
MOVE_ASSET = message({"destinationName": string})
POLICY = message(
    {
        "version": int32,
        "etag": string,
        "bindings": repeated(
            required(message({"role": string, "members": repeated(string)}), "role")
        ),
    }
)
GET_POLICY = message({"options": message({"requestedPolicyVersion": int32})})
SET_POLICY = message({"policy": POLICY, "updateMask": field_mask})
TEST_PERMISSIONS = message({"permissions": repeated(string)})
COMPUTE_VALUE = required(
    message({"expression": expression, "workloadTag": workload_tag}), "expression"
)
PIXELS: dict[str, Parser] = {
    "fileFormat": string,
    "grid": PIXEL_GRID,
    "bandIds": repeated(string),
    "visualizationOptions": anything,
    "workloadTag": workload_tag,
}
GET_PIXELS = message({**PIXELS, "region": mapping(anything)})
COMPUTE_PIXELS = required(message({**PIXELS, "expression": expression}), "expression")
THUMBNAIL = required(
    message({**PIXELS, "name": string, "filenamePrefix": string, "expression": expression}),
    "expression",
)
COMPUTE_PAGE = required(
    message(
        {
            "expression": expression,
            "pageSize": not_negative(int32),
            "pageToken": string,
            "workloadTag": workload_tag,
        }
    ),
    "expression",
)
CONFIG = message({"name": string, "maxConcurrentExports": int32})
DURATION = re.compile(r"\d{1,12}(\.\d{1,9})?s", re.ASCII)
WAIT = message(
    {
        "timeout": checked(
            string, lambda text: DURATION.fullmatch(text) is not None, "it is no duration."
        )
    }
)
EMPTY = message({})
#: Bodies of methods that the simulator does not have: whatever they are, they are not judged.
UNREAD: Parser = mapping(anything)
