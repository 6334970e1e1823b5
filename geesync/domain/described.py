"""Whether what Earth Engine says of an asset can be read; asked once, where it comes in.

All that comes in is read here as it will be read later, so that nothing behind stumbles over it.
"""

from __future__ import annotations

import json

from geesync.domain.assets import UNREADABLE, Json, SourceAsset
from geesync.domain.footprint import box_of, outline
from geesync.domain.options import Options
from geesync.domain.planning import plan

#: What SQLite holds as an integer.
_LARGEST = 2**63 - 1

_SEPARATE = Options(masks="separate")

_STUMBLES = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError)


def described(told: Json) -> SourceAsset | None:
    """Return an asset as it is listed, or named only, where the rest cannot be read.

    None for what has no name. What cannot be read is kept; it comes again once it is mended, since
    it then has another revision.
    """
    name = told.get("name")
    if not isinstance(name, str) or not name or not _is_text(name):
        return None
    source = SourceAsset(told)
    try:
        _read(source)
    except _STUMBLES:
        return SourceAsset({"name": name, "type": UNREADABLE, "told": _kept(told)})
    return source


def _kept(told: Json) -> str:
    try:
        return json.dumps(told)
    except RecursionError:
        return "it nests too deep to be written down"


def _read(source: SourceAsset) -> None:
    """Read all that is ever read of an asset. Raises what reading raises."""
    json.dumps(source.json, ensure_ascii=False).encode()  # halves of characters
    for value in (source.size_bytes, source.feature_count or 0):
        if not 0 <= value <= _LARGEST:
            raise ValueError(value)
    if not isinstance(source.json.get("properties", {}), dict) or source.type == UNREADABLE:
        raise TypeError(source.type)
    for options in (Options(), _SEPARATE):
        plan(source, options)
    box_of(outline(source))
    _ = source.revision, source.date, source.external_files


def _is_text(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)
