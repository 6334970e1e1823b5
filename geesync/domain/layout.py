"""Where an asset lies on disk: names that any file system holds, and that can be read back.

The folder tree is the account's own (``users/x/folder/img/``), a folder for each asset, its files
and sidecars in it. A component made from an asset's name never holds a dot, so no asset can be
called like a sidecar, ``..`` or a file in the making, whatever Earth Engine lists.
"""

from __future__ import annotations

import hashlib
import re
from urllib.parse import unquote

from geesync.domain.names import display_id

_ESCAPED = re.compile(r"[^A-Za-z0-9_-]")

#: Linux holds 255 bytes a component; 150 leaves room for ``distinct``, part, tile and ``.part``.
_LONGEST = 150
_DIGEST_LENGTH = 16

#: Sidecars: everything about an asset that its files cannot say.
ASSET_JSON = "asset.json"
GEESYNC_JSON = "geesync.json"
IAM_JSON = "iam.json"
SIDECARS = (ASSET_JSON, GEESYNC_JSON, IAM_JSON)

#: Endings of files that are not yet what they are to become.
PARTIAL = ".part"
UNPROVED = ".new"


def escape(component: str) -> str:
    """Return one path component for one component of an asset's name.

    Letters, digits, ``_`` and ``-`` stay (Earth Engine allows no others today); every other byte of
    the UTF-8 text becomes ``%XX``. What would be too long is cut and ends in ``~`` and a digest, so
    that it stays unique; the full name is in the sidecar.
    """
    escaped = _ESCAPED.sub(
        lambda match: "".join(f"%{byte:02X}" for byte in _utf8(match[0])), component
    )
    if len(escaped) <= _LONGEST:
        return escaped
    digest = hashlib.sha256(_utf8(component)).hexdigest()[:_DIGEST_LENGTH]
    return f"{escaped[: _LONGEST - _DIGEST_LENGTH - 1].rstrip('%')}~{digest}"


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def unescape(component: str) -> str:
    """Return the name that ``escape`` was given, where it was not too long."""
    return unquote(component, errors="surrogatepass")


def asset_path(name: str) -> str:
    """Return the asset's folder, relative to the mirror: ``users/x/folder/img``."""
    return "/".join(escape(component) for component in display_id(name).split("/"))


def distinct(path: str) -> str:
    """Return another path for an asset whose path differs from a sibling's by case only.

    Case-insensitive file systems (and people) take ``A`` and ``a`` for one.
    """
    digest = hashlib.sha256(_utf8(path)).hexdigest()[:_DIGEST_LENGTH]
    return f"{path}~{digest}"


def file_stem(path: str, key: str) -> str:
    """Return the name of a part's file without tile numbers and extension.

    ``users/x/img`` → ``img``, or ``img.KEY`` where the asset has several parts.
    """
    stem = path.rpartition("/")[2]
    return f"{stem}.{key}" if key else stem
