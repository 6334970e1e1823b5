"""Whose a mirror is: the ids of the ledgers that work into it, kept where they outlive a ledger."""

from __future__ import annotations

import re
from pathlib import Path

from geesync.adapters.mirror_files.folders import folder
from geesync.adapters.mirror_files.mirror import MARKER

_LEDGERS = f"{MARKER}/ledgers"
_ID = re.compile(r"[0-9a-f]{16}")


def sign(mirror: Path, ledger: str) -> None:
    """Leave a ledger's id in a mirror, durably; doing it twice does no harm.

    Raises MirrorError or RemoteError if the mirror cannot be written.
    """
    with folder(mirror, _LEDGERS) as place:
        if place.size_of(ledger) is None:
            place.write(ledger, b"")
            place.sync()


def signatures(mirror: Path) -> list[str]:
    """Return the ids of all ledgers that ever worked into a mirror."""
    try:
        with folder(mirror, _LEDGERS, create=False) as place:
            return sorted(name for name in place.names() if _ID.fullmatch(name))
    except FileNotFoundError:
        return []
