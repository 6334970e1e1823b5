"""GeoTIFFs of one small block, of which GDAL writes but a first one of each kind.

Images that have size, type, bands, scale and coordinate system in common have files that differ by
where they lie and by their pixels. To put these into what GDAL wrote, and to read them, takes a
twentieth of the time that a data set of GDAL's takes.

TIFF's tags and predictors: https://download.osgeo.org/libtiff/doc/TIFF6.pdf, TIFFTN3.pdf beside it.
Where an image lies: https://docs.ogc.org/is/19-008r4/19-008r4.html
What is around a block: https://gdal.org/drivers/raster/cog.html
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from geesync.domain.assets.grid import Grid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from geesync.adapters.formats.gdal import Bands

_PREDICTOR, _BLOCK_AT, _BLOCK_BYTES, _TIEPOINT, _MATRIX = 317, 324, 325, 33922, 34264

#: By the tag that says where an image lies: which of its numbers are x and y.
_PLACES = {_TIEPOINT: (3, 4), _MATRIX: (3, 7)}

#: Predictors: of two samples side by side they keep the difference; of floats, of their bytes.
_NONE, _OF_BYTES = 1, 3

#: Bytes before a block, its length again, and behind it, its own last ones again.
_AROUND = 4


@dataclass
class Pattern:
    """A file that GDAL wrote, for others of its kind."""

    content: bytes
    shape: tuple[int, int, int]  #: of its pixels: (band, row, column)
    edge: int  #: of its block, in pixels
    dtype: np.dtype[Any]
    level: int  #: of zlib, 1 to 9
    is_proved: bool = False  #: GDAL has read a file of the kind, and found all that must be in it

    def __post_init__(self) -> None:
        values = _tags(self.content)
        place = next(tag for tag in _PLACES if tag in values)
        self._place_at = [self._number(values[place]) + 8 * number for number in _PLACES[place]]
        self._length_at = values[_BLOCK_BYTES]
        self._block_at = self._number(values[_BLOCK_AT])
        self._predictor = self.content[values[_PREDICTOR]] if _PREDICTOR in values else _NONE

    def _number(self, offset: int) -> int:
        return int.from_bytes(self.content[offset : offset + 4], "little")

    def file(self, grid: Grid, bands: Bands) -> bytes:
        """Return the file of an image whose pixels have the shape and type of the pattern's."""
        count, height, width = self.shape
        block = np.zeros((self.edge, self.edge, count), self.dtype)
        block[:height, :width] = bands.transpose(1, 2, 0)
        return self._around(grid, zlib.compress(self._predicted(block).tobytes(), self.level))

    def pixels(self, grid: Grid, content: bytes) -> Bands | None:
        """Return what ``file`` was given; None if the content is not from there."""
        count, height, width = self.shape
        packed = content[self._block_at : -_AROUND]
        if content != self._around(grid, packed):
            return None
        try:
            unpacked = zlib.decompress(packed)
        except zlib.error:
            return None
        if len(unpacked) != self.edge * self.edge * count * self.dtype.itemsize:
            return None
        block = self._unpredicted(unpacked).reshape(self.edge, self.edge, count)
        return block[:height, :width].transpose(2, 0, 1)

    def _around(self, grid: Grid, packed: bytes) -> bytes:
        """Return the file of a block."""
        head = bytearray(self.content[: self._block_at])
        _, _, x, _, _, y = grid.transform
        for at, number in zip(self._place_at, (x, y), strict=True):
            struct.pack_into("<d", head, at, number)
        for at in (self._length_at, self._block_at - _AROUND):
            struct.pack_into("<I", head, at, len(packed))
        return b"".join((head, packed, packed[-_AROUND:]))

    def _predicted(self, block: NDArray[Any]) -> NDArray[Any]:
        if self._predictor == _NONE:
            return block
        if self._predictor == _OF_BYTES:  # those of one weight in a row, the heaviest first
            by_sample = block.astype(self.dtype.newbyteorder(">")).view(np.uint8)
            by_sample = by_sample.reshape(self.edge, -1, self.dtype.itemsize)
            block = by_sample.transpose(0, 2, 1).reshape(self.edge, -1, self.shape[0])
        predicted = block.copy()
        predicted[:, 1:] -= block[:, :-1]
        return predicted

    def _unpredicted(self, unpacked: bytes) -> NDArray[Any]:
        if self._predictor == _NONE:
            return np.frombuffer(unpacked, self.dtype)
        read_as = np.dtype(np.uint8) if self._predictor == _OF_BYTES else self.dtype
        found = np.frombuffer(unpacked, read_as).reshape(self.edge, -1, self.shape[0])
        found = np.cumsum(found, axis=1, dtype=read_as)
        if self._predictor == _OF_BYTES:
            by_weight = found.reshape(self.edge, self.dtype.itemsize, -1)
            by_sample = np.ascontiguousarray(by_weight.transpose(0, 2, 1))
            found = by_sample.view(self.dtype.newbyteorder(">")).astype(self.dtype)
        return found


def _tags(content: bytes) -> dict[int, int]:
    """Return by a little-endian TIFF's tags where the value, or the offset of it, stands."""
    (directory,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, directory)
    entries = range(directory + 2, directory + 2 + 12 * count, 12)
    return {struct.unpack_from("<H", content, entry)[0]: entry + 8 for entry in entries}
