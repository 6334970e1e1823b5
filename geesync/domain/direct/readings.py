"""Into which requests the pixels of an image are cut, so that Earth Engine gives each answer.

An answer is limited in bytes, counted with one byte more a field and pixel for its mask, whether
anything is masked or not; in pixels a side; and in fields.
https://developers.google.com/earth-engine/reference/rest/v1/projects.image/computePixels
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from geesync.domain.assets.asset import Band
from geesync.domain.assets.grid import Grid
from geesync.domain.direct.fields import Field, Wanted, wanted
from geesync.domain.mirror.coverage import Tile
from geesync.domain.tasks.exports import Part

MOST_BYTES = 50_331_648
MOST_SIDE_PX = 32_768
MOST_FIELDS = 1024

#: A side of the blocks of the files that are written: tiles are whole blocks.
BLOCK_PX = 256


@dataclass(frozen=True)
class Reading:
    """Bands of one grid that are asked for together, tile by tile."""

    grid: Grid
    wanted: tuple[Wanted, ...]
    height: int  #: of a tile, in pixels
    width: int  #: likewise

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """The fields of each answer, those that are computed alike beside one another."""
        in_order = dict.fromkeys(field for one in self.wanted for field in one.fields)
        alike: dict[tuple[str, str], list[Field]] = {}
        for field in in_order:
            alike.setdefault((field.kind, field.pixel_type), []).append(field)
        return tuple(field for fields in alike.values() for field in fields)

    @cached_property
    def parts(self) -> dict[Part, list[Wanted]]:
        """What is wanted, by part."""
        return {part: list(of) for part, of in groupby(self.wanted, lambda one: one.part)}

    @property
    def requests(self) -> int:
        """How many tiles there are."""
        return -(-self.grid.height // self.height) * -(-self.grid.width // self.width)

    @property
    def pixel_bytes(self) -> int:
        """Bytes of a pixel in an answer."""
        return sum(field.size_bytes for field in self.fields)

    def tiles(self) -> Iterator[Tile]:
        """Return the tiles, row by row; together they are the grid."""
        return Tile(0, 0, self.grid.height, self.grid.width).cut(self.height, self.width)

    def shifted(self) -> Iterator[Tile]:
        """Yield tiles that are the grid, too, and whose corners lie inside those of ``tiles``.

        An only tile is cut once: more requests would tell no more of it.
        """
        rows = _halves(self.grid.height, self.height)
        if self.requests == 1 and self.grid.width > 1:
            rows = iter([(0, self.grid.height)])
        for row, height in rows:
            for column, width in _halves(self.grid.width, self.width):
                yield Tile(row, column, height, width)


def _halves(size: int, edge: int) -> Iterator[tuple[int, int]]:
    """Yield (first, length) of pieces of a side, cut half a piece beside where ``edge`` cuts."""
    edge = min(edge, size)
    first, last = 0, -(-edge // 2)
    while first < size:
        yield first, min(last, size) - first
        first, last = last, last + edge


class TooLargeError(Exception):
    """No request is small enough: one block of one band is more than may be asked for."""


def readings(
    parts: Iterable[Part], bands: Sequence[Band], halvings: int = 0, *, smallest: bool = False
) -> list[Reading]:
    """Return how all parts of an image are read; halvings: of what one answer may hold.

    smallest: no more of it than a block of the largest band has, which is as little as there is.

    Bands of a grid are asked for together, whatever their types: an answer has room for several,
    and so there are fewer of them. Raises TooLargeError.
    """
    by_grid: dict[Grid, list[Wanted]] = {}
    for part in parts:
        assert part.grid is not None  # of an image
        by_grid.setdefault(part.grid, []).extend(wanted(part, bands))
    most_bytes = MOST_BYTES >> halvings
    return [
        one
        for grid, all_ in by_grid.items()
        for one in _read(grid, all_, _block_bytes(grid, all_) if smallest else most_bytes)
    ]


def _block_bytes(grid: Grid, all_: Sequence[Wanted]) -> int:
    pixels = min(BLOCK_PX, grid.height) * min(BLOCK_PX, grid.width)
    return pixels * max(_counted(one.fields) for one in all_)


def _counted(fields: Iterable[Field]) -> int:
    """Return the bytes of a pixel as Earth Engine counts them."""
    return sum(field.size_bytes + 1 for field in fields)


def _read(grid: Grid, all_: Sequence[Wanted], most_bytes: int) -> list[Reading]:
    """Return one reading of all bands, or of halves of them where a block would be too large."""
    fields = {field for one in all_ for field in one.fields}
    shape = _tile_shape(grid, most_bytes // _counted(fields))
    if shape is not None and len(fields) <= MOST_FIELDS:
        return [Reading(grid, tuple(all_), *shape)]
    if len(all_) == 1:
        raise TooLargeError
    middle = (len(all_) + 1) // 2
    return [*_read(grid, all_[:middle], most_bytes), *_read(grid, all_[middle:], most_bytes)]


def _tile_shape(grid: Grid, most_pixels: int) -> tuple[int, int] | None:
    """Return (height, width) of tiles of whole blocks: as few as may be, and as square as may be.

    None if not even a block fits.
    """
    shapes = []
    for width in _sides(grid.width):
        rows = min(most_pixels // width, MOST_SIDE_PX)
        height = grid.height if rows >= grid.height else rows // BLOCK_PX * BLOCK_PX
        if height:
            count = -(-grid.width // width) * -(-grid.height // height)
            shapes.append((count, max(height, width), height, width))
    return min(shapes)[2:] if shapes else None


def _sides(size: int) -> Iterator[int]:
    """Yield the widths that tiles may have: whole blocks, or the grid's own."""
    most = min(size, MOST_SIDE_PX)
    yield from range(BLOCK_PX, most + 1, BLOCK_PX)
    if size <= MOST_SIDE_PX:
        yield size
