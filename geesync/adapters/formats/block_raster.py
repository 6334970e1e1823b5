"""A raster written block by block by many threads, then split into COGs. Imports rasterio."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import rasterio
import rasterio.shutil
from affine import Affine
from numpy.typing import NDArray
from rasterio.windows import Window

from geesync.domain.assets.grid import Grid
from geesync.domain.mirror.coverage import Tile
from geesync.domain.mirror.vrt import Placed, vrt
from geesync.domain.tasks.exports import Part

#: Edge of the tiles on disk, in pixels.
_TILE = 256


class BlockRaster:
    """A passing file of some bands, filled in any order; as a context it is removed at the end.

    shape: (bands, height, width). dtype: float32, float64 (NaN is no data) or int16.
    """

    def __init__(
        self, path: Path, shape: tuple[int, int, int], dtype: str, crs: str, transform: Affine
    ) -> None:
        count, height, width = shape
        self._path = path
        self._dtype = dtype
        self._writing = threading.Lock()  # one of GDAL's data sets is for one thread at a time
        self._dataset = rasterio.open(
            path,
            "w+",
            driver="GTiff",
            count=count,
            height=height,
            width=width,
            dtype=dtype,
            crs=crs,
            transform=transform,
            interleave="band",
            tiled=True,
            blockxsize=_TILE,
            blockysize=_TILE,
            bigtiff="YES",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._dataset.close()
        self._path.unlink(missing_ok=True)

    def write(self, block: NDArray[Any], row: int, column: int) -> None:
        """Write (bands, height, width) of pixels, of which the first lies at (row, column)."""
        _, height, width = block.shape
        with self._writing:
            self._dataset.write(block, window=Window(column, row, width, height))

    def save(self, target: Path, bands: Mapping[int, str], nodata: float) -> None:
        """Write some bands, named, as one cloud-optimised GeoTIFF that is there whole or not.

        bands: names by number, from 0. Raises RasterioError or OSError.
        """
        self._dataset.close()
        self._dataset = rasterio.open(self._path, "r+")
        partial = target.with_name(target.name + ".part")
        rasterio.shutil.copy(
            self._selection(bands, nodata),
            partial,
            driver="COG",
            compress="DEFLATE",
            predictor="YES",
            bigtiff="IF_SAFER",
            overview_resampling="AVERAGE" if self._dtype.startswith("float") else "NEAREST",
        )
        partial.replace(target)

    def _selection(self, bands: Mapping[int, str], nodata: float) -> str:
        """Return a virtual raster of some bands."""
        whole = self._dataset
        a, b, c, d, e, f = whole.transform[:6]
        grid = Grid(whole.crs.to_wkt(), (a, b, c, d, e, f), whole.width, whole.height)
        names = tuple(bands.get(number, f"band {number}") for number in range(whole.count))
        part = Part("", "tif", names, grid, self._dtype, nodata)
        placed = Placed(part, {self._path.name: Tile(0, 0, whole.height, whole.width)})
        return vrt(placed, where=self._path.with_name, bands=tuple(bands.values())).decode()
