"""Pixels that look like land: hills with a little noise, and masks like lakes and swaths."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from geesync.simulator.world.pixels import MaskArray, PixelArray, Precision, SimBand, SimGrid

Mask = Literal["none", "lakes", "soft", "swath", "all"]

#: Type name → (precision, range) as Earth Engine declares it.
TYPES: dict[str, tuple[Precision, tuple[int, int] | None]] = {
    "int8": ("INT", (-(2**7), 2**7 - 1)),
    "uint8": ("INT", (0, 2**8 - 1)),
    "int16": ("INT", (-(2**15), 2**15 - 1)),
    "uint16": ("INT", (0, 2**16 - 1)),
    "int32": ("INT", (-(2**31), 2**31 - 1)),
    "uint32": ("INT", (0, 2**32 - 1)),
    "float32": ("FLOAT", None),
    "float64": ("DOUBLE", None),
}
WAVES = 7  #: enough that no period shows, few enough to be fast
NOISE = 0.03  #: of the whole range; makes neighbouring pixels differ


@dataclass(frozen=True)
class Painting:
    """How the pixels of one band are made; calling it makes them."""

    seed: int
    height: int  #: pixels
    width: int  #: pixels
    dtype: str  #: name of the numpy type
    low: float  #: least value, reached unless the image is a single pixel
    high: float  #: greatest value, likewise
    mask: Mask = "none"

    def __call__(self) -> tuple[PixelArray, MaskArray | None]:
        """Return ``(values, mask)``, both of shape (height, width); the same at each call."""
        values = self.low + hills(self.seed, self.height, self.width) * (self.high - self.low)
        if np.dtype(self.dtype).kind != "f":
            values = np.rint(values).clip(self.low, self.high)
        return values.astype(self.dtype), self._mask()

    def _mask(self) -> MaskArray | None:
        if self.mask == "none":
            return None
        if self.mask == "all":
            return np.zeros((self.height, self.width), np.float32)
        if self.mask == "swath":
            return self._swath()
        relief = hills(self.seed + 1, self.height, self.width)
        if self.mask == "soft":
            return np.rint(relief * 255).astype(np.float32) / np.float32(255)
        return (relief > 0.3).astype(np.float32)  # noqa: PLR2004 - the lakes' water level

    def _swath(self) -> MaskArray:
        """Return the mask of a scene: a slanted strip, nothing outside it."""
        rows, columns = np.mgrid[0 : self.height, 0 : self.width]
        across = columns / max(self.width - 1, 1) + 0.25 * rows / max(self.height - 1, 1)
        inside: MaskArray = ((across >= 0.2) & (across <= 1.05)).astype(np.float32)  # noqa: PLR2004 - the strip's edges
        return inside


def hills(seed: int, height: int, width: int) -> NDArray[np.float64]:
    """Return relief from 0 to 1, both reached, of shape (height, width)."""
    rng = np.random.default_rng(seed)
    span = max(height, width, 2)
    y = np.arange(height, dtype=float)[:, None] / span
    x = np.arange(width, dtype=float)[None, :] / span
    relief = rng.random((height, width)) * NOISE * WAVES
    for wave in range(WAVES):
        across, along = rng.normal(size=2) * (wave + 2)
        relief += np.sin(across * x + along * y + rng.uniform(0, 2 * np.pi)) / (wave + 1)
    low, high = relief.min(), relief.max()
    return (relief - low) / (high - low) if high > low else np.zeros_like(relief)


def seed_of(*parts: object) -> int:
    """Return a number that depends on all parts and on nothing else."""
    return zlib.crc32("\0".join(map(str, parts)).encode())


def make_band(
    band_id: str,
    grid: SimGrid,
    dtype: str,
    *,
    seed: int,
    value_range: tuple[float, float] | None = None,
    declared: tuple[int, int] | None = None,
    mask: Mask = "none",
    pyramiding: str | None = None,
    missing: tuple[float, ...] = (),
    array_dimensions: int = 0,
) -> SimBand:
    """Return a band of painted pixels.

    value_range: least and greatest value; by default the whole range of an integer type.
    declared: the range in the metadata, if narrower than the type.
    """
    precision, whole = TYPES[dtype]
    low, high = value_range or declared or whole or (-1.0, 1.0)
    return SimBand(
        id=band_id,
        grid=grid,
        precision=precision,
        value_range=declared or whole,
        load=Painting(seed, grid.height, grid.width, dtype, low, high, mask),
        pyramiding=pyramiding,
        missing=missing,
        array_dimensions=array_dimensions,
    )
