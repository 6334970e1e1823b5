"""The requests that make an asset again.

https://developers.google.com/earth-engine/guides/image_manifest and
https://developers.google.com/earth-engine/guides/table_manifest
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping

from geesync.domain.assets.asset import FOLDER, SourceAsset
from geesync.domain.json import Json
from geesync.domain.restore.files import Prepared
from geesync.domain.restore.losses import restorable_properties
from geesync.domain.restore.tables import column_type, geometry_column

#: By this property an asset is known to be ours, and of which copy; it is taken off when proved.
MARK = "geesync_restore"

#: https://developers.google.com/earth-engine/reference/rest/v1/DataType, where not numpy's name.
_DATA_TYPES = {"float32": "FLOAT", "float64": "DOUBLE"}


def key_of(target: str, revision: str, crc32cs: Iterable[int]) -> str:
    """Return what identifies this making of an asset: 20 hexadecimal digits.

    crc32cs: of the files in the mirror that it is made of.
    """
    text = json.dumps([target, revision, sorted(crc32cs)])
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def container(source: SourceAsset, key: str) -> Json:
    """Return the body of ``assets.create`` for a folder, which takes no mark, or a collection."""
    if source.type == FOLDER:
        return {"type": FOLDER}
    return {"type": source.type, **_times_and_properties(source, key)}


def image_manifest(
    source: SourceAsset,
    target: str,
    key: str,
    parts: Iterable[Prepared],
    uri: Callable[[str], str],
    *,
    footprint: Json | None = None,
) -> Json:
    """Return the manifest of an image; uri: where a file was uploaded, by its name.

    footprint: as a manifest has it; None is the whole grid.
    """
    known = list(parts)
    place = {
        band: (prepared.part.key or "data", number)
        for prepared in known
        for number, band in enumerate(prepared.part.bands)
    }
    masks = [mask for prepared in known for mask in prepared.masks]
    missing = {
        band: {"missingData": {"values": [value]}}
        for prepared in known
        for band, value in prepared.missing.items()
    }
    manifest = {
        "name": target,
        "tilesets": [
            *(_tileset(prepared, uri) for prepared in known),
            *(
                {"id": f"mask{number}", "sources": [{"uris": [uri(mask.file)]}]}
                for number, mask in enumerate(masks)
            ),
        ],
        "bands": [
            {
                "id": band["id"],
                "tilesetId": place[band["id"]][0],
                "tilesetBandIndex": place[band["id"]][1],
                "pyramidingPolicy": band.get("pyramidingPolicy", "MEAN"),
                **missing.get(band["id"], {}),
            }
            for band in source.json.get("bands", ())
            if band["id"] in place
        ],
        "maskBands": [
            {"tilesetId": f"mask{number}", "bandIds": list(mask.bands)}
            for number, mask in enumerate(masks)
        ],
        "footprint": footprint,
        **_times_and_properties(source, key),
    }
    return {member: value for member, value in manifest.items() if value}


def _tileset(prepared: Prepared, uri: Callable[[str], str]) -> Json:
    kind = prepared.part.upload_type
    return {
        "id": prepared.part.key or "data",
        "dataType": _DATA_TYPES.get(kind, kind.upper()),
        "sources": [{"uris": [uri(file)]} for file in prepared.files],
    }


def table_manifest(
    source: SourceAsset, target: str, key: str, columns: Mapping[str, list[str]], uri: str
) -> Json:
    """Return the manifest of a table; columns: the JSON types of each column's values."""
    return {
        "name": target,
        "sources": [
            {
                "uris": [uri],
                "primaryGeometryColumn": geometry_column(columns),
                "crs": "EPSG:4326",
                "geodesic": True,
            }
        ],
        "columnDataTypeOverrides": {name: column_type(kinds) for name, kinds in columns.items()},
        **_times_and_properties(source, key),
    }


def _times_and_properties(source: SourceAsset, key: str) -> Json:
    times: Json = {
        name: source.json[name] for name in ("startTime", "endTime") if name in source.json
    }
    return {**times, "properties": restorable_properties(source.properties) | {MARK: key}}
