"""Which objects in the bucket are a part's files, and whether they are all there.

Earth Engine never says which objects an export wrote. Their names do: ``PREFIX.tif``, or tiles
``PREFIXYYYYYYYYYY-XXXXXXXXXX.tif`` with ten-digit pixel offsets, row first, which a dash may part
from the prefix. An export is complete only when its tiles cover the grid exactly.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from geesync.domain.assets.grid import Grid
from geesync.domain.tasks.exports import Part


@dataclass(frozen=True)
class StoredObject:
    """One writing of an object in a bucket, or of a file in Drive."""

    name: str
    generation: int  #: of a file in Drive: when it was made, in ms since 1970
    size_bytes: int
    crc32c: int  #: unsigned 32-bit; 0 where the source has none, until it was read through
    sha256: str = ""  #: hexadecimal; where the source has it, and no CRC32C
    md5: str = ""  #: hexadecimal; where it is all that the source has

    @property
    def checksum(self) -> str:
        """Which checksum says what its bytes must be; "" if only their number is known."""
        if self.sha256 or self.md5:
            return "SHA-256" if self.sha256 else "MD5"
        return "CRC32C" if self.crc32c else ""

    def is_writing(self, found: StoredObject | None) -> bool:
        """Whether what a bucket has now is this very writing; it may list a checksum or not."""
        return found is not None and self == replace(
            found,
            crc32c=found.crc32c if self.crc32c and found.crc32c else self.crc32c,
            md5=found.md5 if self.md5 and found.md5 else self.md5,
        )

    @property
    def file_name(self) -> str:
        """The last component of its name."""
        return self.name.rpartition("/")[2]


@dataclass(frozen=True)
class Tile:
    """Where one file of a part lies in the part's grid, in pixels."""

    row: int
    column: int
    height: int
    width: int

    def grid(self, whole: Grid) -> Grid:
        """Return the grid of its pixels; whole: that of the part."""
        return whole.window(self.row, self.column, self.height, self.width)

    def cut(self, height: int, width: int) -> Iterator[Tile]:
        """Yield tiles of this size that together are it, row by row; smaller ones at its ends."""
        for row in range(0, self.height, height):
            for column in range(0, self.width, width):
                size = min(height, self.height - row), min(width, self.width - column)
                yield Tile(self.row + row, self.column + column, *size)


def own_objects(prefix: str, part: Part, listed: Iterable[StoredObject]) -> list[StoredObject]:
    """Return the objects that this part's export wrote, by exact name.

    ``img1`` must not take ``img10.tif`` or ``img1_mask.tif``. Older exports of tables were called
    ``PREFIXee_export.csv``.
    """
    tail = _TILE if part.grid else _TABLE
    end = f".{part.extension}"
    own = (
        obj
        for obj in listed
        if obj.name.startswith(prefix)
        and obj.name.endswith(end)
        and tail.fullmatch(obj.name, len(prefix), len(obj.name) - len(end))
    )
    return sorted(own, key=lambda obj: obj.name)


def is_file_of(stem: str, name: str) -> bool:
    """Whether a GeoTIFF is called as an export of this name calls its only file, or a tile."""
    is_named = name.endswith(".tif") and name.startswith(stem)
    return is_named and _TILE.fullmatch(name, len(stem), len(name) - 4) is not None


def complete(prefix: str, part: Part, listed: Iterable[StoredObject]) -> list[StoredObject]:
    """Return the objects that a part's export wrote; none while they are not all there."""
    objects = own_objects(prefix, part, listed)
    if part.grid is None:
        return objects
    stem = prefix.rpartition("/")[2]
    covered = tiles(part, stem, (obj.file_name for obj in objects))
    return objects if covered is not None else []


def tiles(part: Part, stem: str, names: Iterable[str]) -> dict[str, Tile] | None:
    """Return each file's place in the grid, or None while they do not cover it exactly.

    stem: what all names begin with; an asset may itself be called like a tile. The edge of a tile
    is the distance of neighbouring offsets: Earth Engine does not report it.
    """
    assert part.grid is not None
    offsets = {name: _offset(name.removeprefix(stem)) for name in names}
    if list(offsets.values()) == [None]:
        return {name: Tile(0, 0, part.grid.height, part.grid.width) for name in offsets}
    placed = {name: offset for name, offset in offsets.items() if offset is not None}
    if not placed or len(placed) != len(offsets):
        return None
    edge = part.tile_edge or _edge(placed.values())
    if edge is None or not _covers(part.grid, edge, list(placed.values())):
        return None
    return {
        name: Tile(
            row, column, min(edge, part.grid.height - row), min(edge, part.grid.width - column)
        )
        for name, (row, column) in placed.items()
    }


#: What stands between a part's prefix and its extension.
_OFFSETS = r"-?(\d{10})-(\d{10})"
_TILE = re.compile(f"(?:{_OFFSETS})?")
_TABLE = re.compile(r"(?:ee_export)?")

_TAIL = re.compile(rf"{_OFFSETS}\.[a-z]+")


def _offset(tail: str) -> tuple[int, int] | None:
    found = _TAIL.fullmatch(tail)
    return (int(found[1]), int(found[2])) if found else None


def _edge(offsets: Iterable[tuple[int, int]]) -> int | None:
    """Return the smallest distance of neighbouring offsets; None where there is one tile only."""
    axes = zip(*offsets, strict=True)
    steps = [b - a for axis in axes for a, b in pairwise(sorted(set(axis)))]
    return min(steps, default=None)


def _covers(grid: Grid, edge: int, offsets: list[tuple[int, int]]) -> bool:
    rows, columns = range(0, grid.height, edge), range(0, grid.width, edge)
    # Counted first: offsets that lie must not make us build a million tiles that nobody wrote.
    return len(set(offsets)) == len(offsets) == len(rows) * len(columns) and all(
        row in rows and column in columns for row, column in offsets
    )
