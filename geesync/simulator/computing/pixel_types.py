"""The types of bands: a precision, and for whole numbers the range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from geesync.simulator.world.pixels import PixelArray, Precision, smallest_type

INT64 = np.iinfo(np.int64)
EXACT = 2**53  #: integers up to this are exact in 64-bit floats
FLOAT_HOLDS = 2**24  #: integers up to this are exact in 32-bit floats
RANKS: tuple[Precision, ...] = ("INT", "FLOAT", "DOUBLE")


@dataclass(frozen=True)
class PixelType:
    """A band's type as declared: a precision, and for integers the range."""

    precision: Precision
    value_range: tuple[int, int] | None = None  #: (min, max), both inclusive

    @property
    def dtype(self) -> np.dtype[Any]:
        """What an export writes."""
        return smallest_type(self.precision, self.value_range)

    @property
    def held(self) -> np.dtype[Any]:
        """What is calculated with: as ``dtype``, but whole numbers of 64 bits stay exact."""
        low, high = self.value_range or (0, 0)
        wide = self.dtype.kind == "f" and self.precision == "INT"
        return np.dtype(np.int64) if wide and low >= INT64.min and high <= INT64.max else self.dtype

    def convert(self, values: PixelArray) -> PixelArray:
        """Return values as this type: fractions cut off, and ends of the range at its ends."""
        if self.value_range is None or (values.dtype == self.held and values.dtype.kind != "f"):
            return values.astype(self.held, copy=False)
        low, high = self.value_range
        if values.dtype.kind in "iub":
            own = np.iinfo(values.dtype if values.dtype.kind != "b" else np.uint8)
            bounds = min(max(low, own.min), own.max), min(max(high, own.min), own.max)
            clipped = values if bounds == (own.min, own.max) else np.clip(values, *bounds)
            return clipped.astype(self.held)
        whole = np.trunc(np.nan_to_num(values.astype(np.float64), posinf=np.inf, neginf=-np.inf))
        # The largest whole number of 64 bits is no double: the next one would wrap around.
        converted = np.clip(whole, low, np.nextafter(high, 0) if high > EXACT else high)
        return np.where(whole >= high, high, converted.astype(self.held))

    def is_broken_by(self, values: PixelArray) -> bool:
        """Whether whole numbers are beyond what is calculated with."""
        if "f" in (values.dtype.kind, self.held.kind) or values.dtype == self.held:
            return False
        can = np.iinfo(self.held)
        return bool(values.size and (values.min() < can.min or values.max() > can.max))

    def union(self, other: PixelType) -> PixelType:
        """Return the type that holds the values of both."""
        first, second = sorted((self, other), key=lambda t: RANKS.index(t.precision))
        if second.value_range is not None and first.value_range is not None:
            low, high = zip(first.value_range, second.value_range, strict=True)
            return PixelType("INT", (min(low), max(high)))
        widest = max(map(abs, first.value_range or (0,)))
        return PixelType("DOUBLE") if widest > FLOAT_HOLDS else PixelType(second.precision)

    def floating(self) -> PixelType:
        """Return the type of what is no whole number any more: FLOAT, or DOUBLE if that is."""
        return self.union(PixelType("FLOAT"))


def whole(low: int, high: int) -> PixelType:
    """Return the type of whole numbers from low to high, as far as 64 bits go."""
    return PixelType("INT", (max(low, INT64.min), min(high, INT64.max)))


BOOLEAN = whole(0, 1)
FLOAT, DOUBLE = PixelType("FLOAT"), PixelType("DOUBLE")
