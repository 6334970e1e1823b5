"""Where an asset lies on disk: names that any file system holds, and that can be read back.

The folder tree is the account's own (``users/x/folder/img/``), a folder for each asset, its files
and sidecars in it. A component made from an asset's name never holds a dot, so no asset can be
called like a sidecar, ``..`` or a file in the making, whatever Earth Engine lists.
"""

from __future__ import annotations

import hashlib
import re

from geesync.domain.assets.names import display_id

_ODD = re.compile(r"[^A-Za-z0-9.-]")
_ESCAPED = re.compile(r"[^A-Za-z0-9_-]")

#: Linux holds 255 bytes a component; 150 leaves room for ``distinct``, part, tile and ``.part``.
_LONGEST = 150
_DIGEST_LENGTH = 16

#: Names that Windows, and a share served from it, keep for devices, whatever their ending.
_RESERVED = frozenset(
    {"CON", "PRN", "AUX", "NUL", *(f"{port}{n}" for port in ("COM", "LPT") for n in range(10))}
)

#: Linux holds 4,096 bytes a path; this leaves room for the mirror's own and for file names.
_LONGEST_PATH = 1500

#: Sidecars: everything about an asset that its files cannot say.
ASSET_JSON = "asset.json"
GEESYNC_JSON = "geesync.json"
IAM_JSON = "iam.json"
SIDECARS = (ASSET_JSON, GEESYNC_JSON, IAM_JSON)

#: Beside a copy whose original was deleted on a person's word: it is the only one.
FREED_JSON = "freed.json"

#: Older copies of an asset, in its folder: ``.versions/REVISION/``.
VERSIONS = ".versions"

#: Endings of files that are not yet what they are to become.
PARTIAL = ".part"
UNPROVED = ".new"

#: Who writes such a file: drawn anew for each try, so that no two ever write the same one.
WRITER_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
WRITER_LENGTH = 6

#: Such an ending, behind the token of the export that made the object, and perhaps its writer.
_UNFINISHED = re.compile(r".+\.[a-z2-7]{16}(?:(?:\.[a-z2-7]{6})?\.part|\.new)", re.DOTALL)


def version_name(revision: str) -> str:
    """Return the folder's name for a revision: a time without colons, for any file system."""
    return _ODD.sub("", revision).strip(".") or "unknown"


def is_unfinished(file: str) -> bool:
    """Say whether a file is one of ours on its way; nobody else's is called so."""
    return _UNFINISHED.fullmatch(file) is not None


def escape(component: str) -> str:
    """Return one path component for one component of an asset's name.

    Letters, digits, ``_`` and ``-`` stay (Earth Engine allows no others today); every other byte of
    the UTF-8 text becomes ``%XX``. What would be too long is cut and ends in ``~`` and a digest, so
    that it stays unique; the full name is in the sidecar.
    """
    escaped = _ESCAPED.sub(lambda match: _percent(match[0]), component)
    if component.upper() in _RESERVED:
        escaped = _percent(component[0]) + component[1:]
    if len(escaped) <= _LONGEST:
        return escaped
    digest = hashlib.sha256(_utf8(component)).hexdigest()[:_DIGEST_LENGTH]
    return f"{escaped[: _LONGEST - _DIGEST_LENGTH - 1].rstrip('%')}~{digest}"


def _percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in _utf8(text))


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def asset_path(name: str, parent: str | None = None) -> str:
    """Return the asset's folder, relative to the mirror: ``users/x/folder/img``.

    parent: the folder of the container that holds it, where that is known. A path that would be too
    long goes on below a digest of its container's, at the top of the account; the full name is in
    the sidecar.
    """
    above, _, last = display_id(name).rpartition("/")
    if parent is None:
        parent = "/".join(escape(component) for component in above.split("/") if component)
    path = f"{parent}/{escape(last)}".lstrip("/")
    if len(path) <= _LONGEST_PATH:
        return path
    top = "/".join(path.split("/")[:2])
    digest = hashlib.sha256(parent.encode()).hexdigest()[:_DIGEST_LENGTH]
    return f"{top}/~{digest}/{escape(last)}"


def distinct(path: str) -> str:
    """Return another path for an asset whose path differs from a sibling's by case only.

    Case-insensitive file systems (and people) take ``A`` and ``a`` for one.
    """
    digest = hashlib.sha256(_utf8(path)).hexdigest()[:_DIGEST_LENGTH]
    return f"{path}~{digest}"


#: Below this folder of the bucket everything is ours; each ask has a folder of its own in it, so
#: that leftovers of an earlier attempt can never be mixed in.
STAGING = "geesync"


def staged_prefix(token: str, path: str, key: str) -> str:
    """Return what the names of an ask's objects begin with; path: the asset's folder."""
    return f"{STAGING}/{token}/{file_stem(path, key)}"


def file_stem(path: str, key: str) -> str:
    """Return the name of a part's file without tile numbers and extension.

    ``users/x/img`` → ``img``, or ``img.KEY`` where the asset has several parts.
    """
    stem = path.rpartition("/")[2]
    return f"{stem}.{key}" if key else stem
