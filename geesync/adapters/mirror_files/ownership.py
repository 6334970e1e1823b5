"""Which mirror a folder is, and whose: a mirror bears its own id, and that of the ledger it is of.

An empty mount point, another disk or somebody else's mirror is thereby told from the one that a
ledger knows.
"""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from geesync.adapters.mirror_files.folders import folder
from geesync.adapters.mirror_files.mirror import MARKER, is_mirror, unmarked

_FILE = "mirror.json"

#: Whose ids outlive the ledgers.
_LEDGERS = f"{MARKER}/ledgers"
_ID = re.compile(r"[0-9a-f]{16}")

#: What one does about it.
TAKE = "`geesync enqueue --take-mirror` makes it this ledger's"


@dataclass(frozen=True)
class Identity:
    """What a mirror says of itself; empty is not said."""

    mirror: str = ""  #: its own id
    ledger: str = ""  #: of the only ledger that may work into it


def identity(mirror: Path) -> Identity:
    """Return what a mirror says of itself. What cannot be read is nobody's we know."""
    try:
        document = json.loads((mirror / MARKER / _FILE).read_bytes())
        return Identity(str(document["mirror"]), str(document["ledger"]))
    except FileNotFoundError:
        return Identity()
    except (ValueError, LookupError, TypeError):
        return Identity("damaged", "damaged")


def claim(mirror: Path, ledger: str) -> str:
    """Make a mirror a ledger's, durably; return the mirror's id, which stays what it was."""
    now = identity(mirror)
    made = Identity(now.mirror or secrets.token_hex(8), ledger)
    if made != now:
        with folder(mirror, MARKER) as place:
            place.write(_FILE, json.dumps(vars(made)).encode())
            place.sync()
    sign(mirror, ledger)
    return made.mirror


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


def trouble(mirror: Path, ledger: str, known: str) -> str:
    """Return why a folder is not the mirror that it should be, and what to do; "" if it is.

    ledger: the id of the one that works into it. known: the mirror's id, as far as it knows it.
    """
    if why := unmarked(str(mirror)):
        return why
    try:
        found = identity(mirror)
    except OSError as error:  # of its disk, which is waited for
        return f"{mirror} cannot be read: {error.strerror}"
    if found.ledger and found.ledger != ledger:
        return (
            f"{mirror} is the mirror of another ledger: name that one's, or mount the right disk;"
            f" {TAKE}"
        )
    if known and found.mirror != known:
        return f"{mirror} is another mirror than was there: mount the right disk; {TAKE}"
    return ""


def around(mirror: Path) -> Path | None:
    """Return the mirror in which a folder lies, if it lies in one."""
    return next((above for above in mirror.resolve().parents if is_mirror(above)), None)
