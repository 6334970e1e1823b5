"""A collection of two years: NDVI that swings with the seasons, clouds, and bands of two sizes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geesync.series.harmonics import years_since
from geesync.simulator.scenarios import Tree
from geesync.simulator.world.pixels import MaskArray, PixelArray, SimAsset, SimBand, SimGrid

HOME = "projects/earthengine-legacy/assets/users/x"
COLLECTION = f"{HOME}/scenes"
BEGINS = datetime(2023, 1, 3, 10, 30, tzinfo=UTC)
EVERY = timedelta(days=15)
#: (height, width) of the bands of 10 m; those of 20 m have half of it.
SHAPE = (40, 64)
CORNER = (500_000.0, 5_000_000.0)
EPSG = 32633

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Season:
    """So many images, of which each pixel is clouded at random."""

    images: int = 48
    cloudy: float = 0.4

    @property
    def times(self) -> list[datetime]:
        return [BEGINS + EVERY * number for number in range(self.images)]

    def ndvi(self) -> Floats:
        """(T, height, width): what the vegetation does, without clouds."""
        years = years_since([time.replace(tzinfo=None) for time in self.times])
        height, width = SHAPE
        level = np.linspace(0.2, 0.5, height * width).reshape(SHAPE)
        wave = 0.25 * np.cos(2 * np.pi * (years - 0.45)) + 0.05 * np.cos(4 * np.pi * years)
        return np.asarray(level + wave[:, None, None])

    def clouds(self, number: int) -> NDArray[np.bool_]:
        """(height, width): where clouds are in an image."""
        return np.random.default_rng(number).random(SHAPE) < self.cloudy

    def account(self) -> Tree:
        """Return an account with this collection in ``users/x``."""
        return Tree("season", "demo-project", self._assets())

    def _assets(self) -> Iterator[SimAsset]:
        yield SimAsset(HOME, "FOLDER")
        yield SimAsset(COLLECTION, "IMAGE_COLLECTION")
        for number, time in enumerate(self.times):
            yield SimAsset(
                f"{COLLECTION}/s{number:03d}",
                "IMAGE",
                update_time="2024-01-01T00:00:00Z",
                start_time=time.isoformat().replace("+00:00", "Z"),
                bands=tuple(self._bands(number)),
            )

    def _bands(self, number: int) -> Iterator[SimBand]:
        for name in ("B4", "B8"):
            yield _band(name, 10.0, SHAPE, partial(self._reflectance, name, number))
        small = SHAPE[0] // 2, SHAPE[1] // 2
        yield _band("SCL", 20.0, small, lambda: (np.full(small, number % 5, np.uint16), None))

    def _reflectance(self, name: str, number: int) -> tuple[PixelArray, MaskArray]:
        ndvi = self.ndvi()[number]
        values = 2000 * (1 + ndvi) if name == "B8" else 2000 * (1 - ndvi)
        mask = (~self.clouds(number)).astype(np.float32)
        return np.rint(values).astype(np.uint16), mask


def _band(name: str, scale_m: float, shape: tuple[int, int], load: Any) -> SimBand:
    transform = (scale_m, 0.0, CORNER[0], 0.0, -scale_m, CORNER[1])
    grid = SimGrid(f"EPSG:{EPSG}", transform, shape[1], shape[0])
    return SimBand(name, grid, "INT", (0, 10_000), load=load)
