"""What a check says of a copy: sound, missing, unknown, different or unreadable."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """One sign an asset, as ``rclone check --combined`` writes them."""

    SOUND = "="
    MISSING = "-"  #: the ledger has it, the disk does not
    UNKNOWN = "+"  #: the disk has it, the ledger does not
    DIFFERS = "*"
    ERROR = "!"  #: it could not be read, so nothing is known of it


@dataclass(frozen=True)
class KeptFile:
    """A file that geesync put on disk, as it was then."""

    name: str  #: in its asset's folder
    size_bytes: int
    crc32c: int  #: unsigned 32-bit


@dataclass(frozen=True)
class Flaw:
    """One thing that is not as it must be."""

    verdict: Verdict
    file: str  #: name in the asset's folder, or "" for the asset itself
    what: str  #: for people

    def __str__(self) -> str:
        return f"{self.file}: {self.what}" if self.file else self.what


#: The worst of an asset's flaws speaks for it.
_WORST = (Verdict.ERROR, Verdict.DIFFERS, Verdict.MISSING, Verdict.UNKNOWN)


def worst(flaws: Iterable[Flaw]) -> Verdict:
    """Return the verdict on an asset with these flaws; none is sound."""
    found = {flaw.verdict for flaw in flaws}
    return next((verdict for verdict in _WORST if verdict in found), Verdict.SOUND)


def compare(kept: KeptFile, size_bytes: int | None, crc32c: int | None) -> Flaw | None:
    """Return how a file on disk differs from what was kept, or None.

    size_bytes: None if there is no such file. crc32c: None if it was not read.
    """
    if size_bytes is None:
        return Flaw(Verdict.MISSING, kept.name, "not on disk")
    if size_bytes != kept.size_bytes:
        return Flaw(
            Verdict.DIFFERS, kept.name, f"{size_bytes:,} bytes, the ledger says {kept.size_bytes:,}"
        )
    if crc32c is not None and crc32c != kept.crc32c:
        what = f"CRC32C {crc32c:08x}, the ledger says {kept.crc32c:08x}"
        return Flaw(Verdict.DIFFERS, kept.name, what)
    return None
