"""How the ledger keeps documents: verbatim, and small; a hundred bytes where JSON takes five."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING

from pydantic_core import to_json

from geesync.errors import damaged

if TYPE_CHECKING:
    from geesync.domain.json import Json

#: The preset dictionary: what most documents have in common, the most frequent last.
#: Ledgers hold documents that were packed with it: it must never change.
_SHARED = b"".join(
    (
        # The plan of a part.
        b'"key":"masks""extension":"csv""extension":"geojson""columns":["system:index"],',
        b'"of_masks":true,"pixel_type":"uint8""pixel_type":"float64""pixel_type":"uint16"',
        b'"pixel_type":"float32""pixel_type":"int32""tile_edge":4096}"sentinel":null',
        b'{"key":"","extension":"tif","bands":["B1","B2","B3"],"grid":{"crsCode":"EPSG:32633",',
        b'"affineTransform":{"scaleX":30.0,"shearX":0.0,"translateX":-,"shearY":0.0,',
        b'"scaleY":-30.0,"translateY":-},"dimensions":{"width":256,"height":256}},',
        b'"pixel_type":"int16","sentinel":-32768,"of_masks":false,"columns":[],"tile_edge":null}',
        # Containers and tables.
        b'"type":"TABLE""type":"FOLDER""type":"IMAGE_COLLECTION""quota":{"sizeBytes":',
        b'"maxSizeBytes":"assetCount":"maxAssets":"columns":{"system:index":"String","geo":',
        b'"description":"title":"featureCount":',
        # Images.
        b'"system:footprint":{"type":"LinearRing","coordinates":"system:index":',
        b'"system:time_start":"system:time_end":"system:asset_size":"pyramidingPolicy":"MEAN"',
        b'"pyramidingPolicy":"MODE""dataType":{"precision":"FLOAT"}',
        b'"dataType":{"precision":"DOUBLE"}"range":{"min":-32768,"max":32767}',
        b'"range":{"max":65535}"MultiPolygon""geodesic":false"crsCode":"EPSG:32633"',
        b'{"type":"IMAGE","name":"projects/earthengine-legacy/assets/users/projects/',
        b'/assets/","id":"projects//assets/","updateTime":"2024-01-01T00:00:00.000000Z",',
        b'"startTime":"2020-01-01T00:00:00Z","endTime":"2020-01-01T00:00:00Z","properties":{},',
        b'"geometry":{"type":"Polygon","coordinates":[[[-],[-],[-]]]},"bands":[{"id":"B1",',
        b'"dataType":{"precision":"INT","range":{"max":255}},"grid":{"crsCode":"EPSG:4326",',
        b'"dimensions":{"width":256,"height":256},"affineTransform":{"scaleX":30,"translateX":-,',
        b'"scaleY":-30,"translateY":}}}],"sizeBytes":"1"}',
    )
)

#: A small window: more is not needed for such documents, and would take ten times as long to begin.
_WINDOW_BITS = 12
_MEMORY_LEVEL = 5
_PRIMED = zlib.compressobj(
    6, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL, zdict=_SHARED
)  # copied for each document


def pack(document: Json | bytes) -> bytes:
    """Return JSON, or the text of it, as the ledger keeps it."""
    text = document if isinstance(document, bytes) else to_json(document)
    compressor = _PRIMED.copy()
    return compressor.compress(text) + compressor.flush()


def unpack(kept: bytes) -> Json:
    """Return the JSON that was packed. Raises LedgerError if it is none."""
    try:
        document: Json = json.loads(zlib.decompressobj(zdict=_SHARED).decompress(kept))
    except (ValueError, TypeError, zlib.error) as error:
        raise damaged(f"a document in it cannot be read: {error}") from error
    return document
