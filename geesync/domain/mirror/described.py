"""Whether what Earth Engine says of an asset can be read; asked once, where it comes in.

All that comes in is read here as it will be read later, so that nothing behind stumbles over it.
"""

from __future__ import annotations

import json

from geesync.domain.assets.asset import IMAGE, UNREADABLE, SourceAsset
from geesync.domain.json import Json
from geesync.domain.mirror.masks import NODATA, hold

#: What SQLite holds as an integer.
_LARGEST = 2**63 - 1

_STUMBLES = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError)


def described(document: Json) -> SourceAsset | None:
    """Return an asset as it is listed, or named only, where the rest cannot be read.

    None for what has no name. What cannot be read is kept; it comes again once it is mended, since
    it then has another revision.
    """
    name = document.get("name")
    if not isinstance(name, str) or not name or not _is_text(name):
        return None
    source = SourceAsset(document)
    try:
        _read(source)
    except _STUMBLES:
        kind = source.type if source.is_container else UNREADABLE  # what lies in it is listed
        return SourceAsset({"name": name, "type": kind, "told": _kept(document)})
    return source


def _kept(document: Json) -> str:
    try:
        return json.dumps(document)
    except RecursionError:
        return "it nests too deep to be written down"


def _read(source: SourceAsset) -> None:
    """Read all that is ever read of an asset. Raises what reading raises."""
    _ = source.written  # refuses halves of characters
    for value in (source.size_bytes, source.feature_count or 0):
        if not 0 <= value <= _LARGEST:
            raise ValueError(value)
    if not isinstance(source.json.get("properties", {}), dict) or source.type == UNREADABLE:
        raise TypeError(source.type)
    if source.type == IMAGE:
        for band in source.bands:  # what planning reads, whatever the options
            _ = hash(band.grid), band.may_be_rounded, hold(band, NODATA)
    _ = source.box, source.revision, source.date, source.external_files


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text  # where text ends for SQLite's JSON
