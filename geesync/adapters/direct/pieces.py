"""Tiles of an image that came, on disk: each is called by where it lies and what it holds.

Such a name is given to a whole file only, so that what is there after a kill needs no journal; and
what is read of it later is compared with the digest that it bears.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from geesync.domain.mirror.coverage import Tile
from geesync.domain.mirror.layout import PARTIAL


@dataclass(frozen=True)
class Piece:
    """The bands of one part that one answer brought."""

    file: str  #: final name of the part's file
    token: str
    reading: int  #: number of it, of the image's
    tile: Tile

    @property
    def beginning(self) -> str:
        """What its name begins with, before the digest."""
        tile = self.tile
        place = f"{self.reading}-{tile.row}-{tile.column}-{tile.height}-{tile.width}"
        return f"{self.file}.{place}-"

    def name(self, digest: str) -> str:
        """Return the name of its file."""
        return f"{self.beginning}{digest}.{self.token}{PARTIAL}"

    def digest(self, name: str) -> str:
        """Return the digest that its file's name tells."""
        return name.removeprefix(self.beginning).partition(".")[0]


_NAME = re.compile(r"(?P<place>.+\.(?:\d+-){5})[0-9a-f]{32}\.(?P<token>[a-z2-7]{16})\.part")


def found(names: Iterable[str], tokens: Collection[str]) -> dict[str, str]:
    """Return the pieces among a folder's names: ``{beginning of the name: name}``."""
    matches = ((name, _NAME.fullmatch(name)) for name in names)
    return {match["place"]: name for name, match in matches if match and match["token"] in tokens}
