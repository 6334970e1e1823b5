"""What an answer holds of a band: one field or more, of which its pixels are made exactly.

Masked pixels come as zero, so whether a pixel is valid is asked for beside its value, or as a value
that the band's type does not have; nothing rests on a declared range. An answer has 64-bit integers
only as 64-bit floats, so each is asked for as two halves.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from geesync.domain.assets.asset import Band
from geesync.domain.mirror.masks import uncut
from geesync.domain.tasks.exports import Part

#: numpy's codes of an answer's types, with their bytes; little-endian, as Earth Engine writes them.
CODES = {
    "uint8": ("|u1", 1),
    "int8": ("|i1", 1),
    "uint16": ("<u2", 2),
    "int16": ("<i2", 2),
    "uint32": ("<u4", 4),
    "int32": ("<i4", 4),
    "float32": ("<f4", 4),
    "float64": ("<f8", 8),
}

#: Of a field of a band whose type has one byte: what masked pixels are, which no such type holds.
MARKED_TYPE = "int16"
OUTSIDE = -(2**15)

#: What is added to its value where the mask is neither 0 nor 1: likewise.
FRACTION = 2**12


class Kind(StrEnum):
    """What a field tells of a band's pixels."""

    VALUE = "value"  #: the value, zero where it is masked
    MARKED = "marked"  #: the value of a band of one byte, with FRACTION, or OUTSIDE where masked
    VALID = "valid"  #: 1, 2 where the mask is a fraction, or 0 where the pixel is masked
    MASK = "mask"  #: the mask itself, 0 to 1
    HIGH = "high"  #: the upper 32 bits of the value, signed
    LOW = "low"  #: the lower 32 bits, unsigned


@dataclass(frozen=True)
class Field:
    """One field of an answer."""

    kind: Kind
    band: str  #: id
    pixel_type: str  #: numpy's name of the type of what it tells

    @property
    def code(self) -> str:
        """The code of its type in an answer, as numpy writes it."""
        return CODES[self._held][0]

    @property
    def size_bytes(self) -> int:
        """Bytes a pixel in an answer."""
        return CODES[self._held][1]

    @property
    def _held(self) -> str:
        return MARKED_TYPE if self.kind == Kind.MARKED else self.pixel_type


@dataclass(frozen=True)
class Wanted:
    """One band of one part of a plan, and the fields that its pixels are made of."""

    part: Part
    band: str  #: id
    fields: tuple[Field, ...]
    limits: tuple[float, float] | None = None  #: beyond which a pixel may have been cut


def wanted(part: Part, bands: Iterable[Band]) -> list[Wanted]:
    """Return how the bands of a part are asked for; bands: the image's."""
    by_id = {band.id: band for band in bands}
    return [
        Wanted(part, name, tuple(_fields(part, by_id[name])), _limits(part, by_id[name]))
        for name in part.bands
    ]


def _limits(part: Part, band: Band) -> tuple[float, float] | None:
    if part.of_masks:
        return 0.0, 1.0
    asked_as = part.pixel_type if part.sentinel is None else band.exact_type
    return uncut(band, asked_as, part.sentinel)


def _fields(part: Part, band: Band) -> list[Field]:
    if part.of_masks:
        return [Field(Kind.MASK, band.id, "float32")]
    kind = band.exact_type
    if part.sentinel is not None and kind in {"uint8", "int8"}:
        return [Field(Kind.MARKED, band.id, kind)]  # two fields would count more bytes
    values = [Field(Kind.VALUE, band.id, part.pixel_type if part.sentinel is None else kind)]
    if kind == "int64":
        values = [Field(Kind.HIGH, band.id, "int32"), Field(Kind.LOW, band.id, "uint32")]
    if part.sentinel is None:
        return values
    return [*values, Field(Kind.VALID, band.id, "uint8")]
