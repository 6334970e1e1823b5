"""What reading an asset directly came to."""

from __future__ import annotations

from dataclasses import dataclass

from geesync.domain.mirror.checking import KeptFile
from geesync.errors import Cause, RemoteError


@dataclass(frozen=True)
class Brought:
    """What was brought to disk of an asset."""

    files: list[tuple[str, KeptFile]]  #: final name, and what the file is, under which name now
    requests: int
    answer_bytes: int  #: of pixels, as they were before any encoding
    read_again: int  #: tiles
    fewer: int  #: requests at a time than might be, since Earth Engine said "too many"
    restricted: bool  #: whether Earth Engine says that the project's compute is used up
    fractional: tuple[str, ...] | None = None
    """Bands with masks that are neither 0 nor 1, which are not kept; None: not known."""


class DiffersError(RemoteError):
    """Two readings of one revision differ, and not by a mistake on the way: it is not believed."""

    def __init__(self, where: str) -> None:
        why = f"two readings differ, of {where}: nobody knows which of them is right"
        super().__init__(Cause.INTEGRITY, why)
        self.where = where
