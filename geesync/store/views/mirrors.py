"""What a ledger knows of its mirrors, read without SQLAlchemy."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from geesync.store.file.soundness import reading

#: The settings that hold this ledger's id, and the ids of its mirrors by their folders, as JSON.
LEDGER_ID, MIRROR_IDS = "ledger_id", "mirrors"


@dataclass(frozen=True)
class KnownMirrors:
    """Mirrors, as one ledger knows them."""

    ledger: str = ""  #: its own id
    ids: dict[str, str] = field(default_factory=dict)  #: of mirrors, by folder
    dests: dict[str, str] = field(default_factory=dict)  #: folders, by the root's name


def known_mirrors(ledger: Path) -> KnownMirrors:
    """Return what a ledger knows of its mirrors; one that is not there yet knows none."""
    if not ledger.exists():
        return KnownMirrors()
    with reading(ledger) as connection:
        query = "SELECT key, value FROM setting WHERE key IN (?, ?)"
        notes = dict(connection.execute(query, (LEDGER_ID, MIRROR_IDS)).fetchall())
        dests = dict(connection.execute("SELECT name, dest FROM root").fetchall())
    return KnownMirrors(notes.get(LEDGER_ID, ""), json.loads(notes.get(MIRROR_IDS, "{}")), dests)
