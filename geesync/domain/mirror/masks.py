"""How an export keeps masked pixels apart from data, since a GeoTIFF of Earth Engine has no mask.

A **sentinel** is a value that provably is none of the band's: it lies outside of the range that
Earth Engine declares for the band, or outside of what the band's type can hold. It is an unusual
one: those that everybody takes are the likeliest to be in the data although no range declares them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from geesync.domain.assets.asset import INTEGER_RANGES, Band

#: Masked pixels get a sentinel, where there is one.
NODATA = "nodata"
#: Masks are files of their own; fractional masks survive.
SEPARATE = "separate"
#: Masks are lost, as in any plain export.
NONE = "none"

MODES = (NODATA, SEPARATE, NONE)

#: No float32 and no 64-bit integer is so low, and the shortest text of it reads back exactly.
_BELOW_ALL = -1e300

_SMALL, _NEAR = 16, 8
_ENDS = frozenset(end for ends in INTEGER_RANGES.values() for end in ends)

#: The next type that holds all values of a full one, and more.
_WIDER = {
    "uint8": "int16",
    "int8": "int16",
    "uint16": "int32",
    "int16": "int32",
    "uint32": "float64",
    "int32": "float64",
}


#: Of a band that breaks its declared range, and may hold what its type does not.
_WIDE = _WIDER | {"uint8": "int32", "int8": "int32"}


@dataclass(frozen=True)
class Holding:
    """How an export holds a band."""

    pixel_type: str  #: numpy name of the exported type
    #: What masked pixels become; None if they cannot be distinguished from data.
    sentinel: float | None
    why: str  #: for people: why the sentinel is safe, or why there is none


#: The least 64-bit integer, which a double holds exactly; the greatest is none.
_LEAST_LONG = -(2**63)


def hold(band: Band, mode: str, *, exact: bool = False, wide: bool = False) -> Holding:
    """Return how a file holds a band: in which type, and with which value for masked pixels.

    exact: 64-bit integers stay such, as only what is read directly can; an export rounds them.
    wide: the declared range was found not to hold, so nor may the type that it needs.
    """
    kind = band.exact_type if exact else band.pixel_type
    if wide and mode != NODATA:
        kind = _WIDE.get(kind, kind)
    if mode == NONE:
        return Holding(kind, None, "masks are not kept: masked pixels are 0")
    if mode == SEPARATE:
        return Holding(kind, None, "masks are in a file of their own")
    if kind == "int64":
        return _hold_long(band)
    if band.precision == "INT":
        return _hold_integers(band.pixel_type, band.value_range)
    if band.precision == "FLOAT":
        return Holding("float64", _BELOW_ALL, "no 32-bit float is so low")
    return Holding(
        band.pixel_type, None, "any 64-bit float may be data: masks are in a file of their own"
    )


def _hold_long(band: Band) -> Holding:
    if band.value_range is not None and band.value_range[0] > _LEAST_LONG:
        low, high = band.value_range
        return Holding("int64", _LEAST_LONG, f"Earth Engine declares {low:.0f} to {high:.0f}")
    why = "any 64-bit integer may be data: masks are in a file of their own"
    return Holding("int64", None, why)


@lru_cache(maxsize=256)  # a collection's bands are of few types
def _hold_integers(kind: str, declared: tuple[float, float] | None) -> Holding:
    if kind == "float64":
        return Holding(kind, _BELOW_ALL, "no 64-bit integer is so low")
    assert declared is not None  # else it would be float64
    low, high = declared
    taken = math.floor(low), math.ceil(high)
    if (free := _unusual(taken, INTEGER_RANGES[kind])) is not None:
        return Holding(kind, free, f"Earth Engine declares {low:.0f} to {high:.0f}")
    wider, full = _WIDER[kind], INTEGER_RANGES[kind]
    known = INTEGER_RANGES.get(wider)
    sentinel = _BELOW_ALL if known is None else _unusual(full, known)
    return Holding(wider, sentinel, f"no {kind} is that; the file's type is one step wider")


def _unusual(taken: tuple[int, int], kind: tuple[int, int]) -> int | None:
    """Return a value of a type outside of a taken range, both inclusive, that nobody would choose.

    From the middle of the wider gap outwards; None if all that is free is usual.
    """
    gaps = ((kind[0], taken[0] - 1), (taken[1] + 1, kind[1]))
    for least, most in sorted(gaps, key=lambda gap: gap[0] - gap[1]):
        middle = (least + most) // 2
        for step in range((most - least) // 2 + 2):
            for value in (middle - step, middle + step):
                if least <= value <= most and not _is_usual(value):
                    return value
    return None


def _is_usual(value: int) -> bool:
    """Whether a value is likely to stand for "no data", or for some kind of it, in anybody's data.

    Small numbers, round ones and their neighbours (-9999), and the ends of types, near which MODIS
    and others have theirs (249 to 255, 32761 to 32767).
    """
    size = abs(value)
    is_round = size % 10 in (0, 9) or any(n & (n - 1) == 0 for n in (size, size + 1, size - 1))
    return size <= _SMALL or is_round or any(abs(value - end) < _NEAR for end in _ENDS)


def uncut(band: Band, pixel_type: str, sentinel: float | None = None) -> tuple[float, float] | None:
    """Return between which values none may be one that the cast to a type has cut.

    What lies beyond a type becomes its end, which is suspicious where it is not declared, unless
    it is what masked pixels are: 0 without a sentinel. None: nothing is cut.
    """
    ends = INTEGER_RANGES.get(pixel_type)
    if ends is None or band.value_range is None:
        return None
    (least, most), (low, high) = ends, band.value_range
    return least + (low > least != (sentinel or 0)), most - (high < most)


def needs_mask_file(band: Band, mode: str, *, exact: bool = False) -> bool:
    """Say whether the band's masks can only be kept in a file of their own; exact: as in hold."""
    return mode != NONE and hold(band, mode, exact=exact).sentinel is None
