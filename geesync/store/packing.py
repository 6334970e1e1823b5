"""How the ledger keeps Earth Engine's words: verbatim, and small."""

from __future__ import annotations

import json
import zlib

from geesync.domain.assets import Json


def pack(document: Json) -> bytes:
    """Return JSON as the ledger keeps it."""
    return zlib.compress(json.dumps(document, separators=(",", ":")).encode())


def unpack(kept: bytes) -> Json:
    """Return the JSON that was packed."""
    document: Json = json.loads(zlib.decompress(kept))
    return document
