"""How an export keeps masked pixels apart from data, since a GeoTIFF of Earth Engine has no mask.

A **sentinel** is a value that provably is none of the band's: it lies outside of the range that
Earth Engine declares for the band, or outside of what the band's type can hold.
"""

from __future__ import annotations

from dataclasses import dataclass

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

#: The next type that holds all values of a full one, and more.
_WIDER = {
    "uint8": "int16",
    "int8": "int16",
    "uint16": "int32",
    "int16": "int32",
    "uint32": "float64",
    "int32": "float64",
}


@dataclass(frozen=True)
class Holding:
    """How an export holds a band."""

    pixel_type: str  #: numpy name of the exported type
    sentinel: float | None  #: what masked pixels become; None if they cannot be told from data
    why: str  #: for people: why the sentinel is safe, or why there is none


def hold(band: Band, mode: str) -> Holding:
    """Return how a band is exported: in which type, and with which value for masked pixels."""
    if mode == NONE:
        return Holding(band.pixel_type, None, "masks are not kept: masked pixels are 0")
    if mode == SEPARATE:
        return Holding(band.pixel_type, None, "masks are in a file of their own")
    if band.precision == "INT":
        return _hold_integers(band)
    if band.precision == "FLOAT":
        return Holding("float64", _BELOW_ALL, "no 32-bit float is so low")
    return Holding(
        band.pixel_type, None, "any 64-bit float may be data: masks are in a file of their own"
    )


def _hold_integers(band: Band) -> Holding:
    kind = band.pixel_type
    if kind == "float64":
        return Holding(kind, _BELOW_ALL, "no 64-bit integer is so low")
    assert band.value_range is not None  # else it would be float64
    low, high = band.value_range
    least, most = INTEGER_RANGES[kind]
    free = [end for end in (least, most) if not low <= end <= high]
    if free:
        # Negative numbers have their lowest for nothing, as is custom; others their highest.
        sentinel = free[0] if least < 0 else free[-1]
        return Holding(kind, sentinel, f"Earth Engine declares {low:.0f} to {high:.0f}")
    wider = _WIDER[kind]
    lowest = INTEGER_RANGES[wider][0] if wider in INTEGER_RANGES else _BELOW_ALL
    return Holding(wider, lowest, f"no {kind} is so low; the file's type is one step wider")


def needs_mask_file(band: Band, mode: str) -> bool:
    """Say whether the band's masks can only be kept in a file of their own."""
    return mode != NONE and hold(band, mode).sentinel is None
