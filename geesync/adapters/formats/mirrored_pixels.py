"""Pixels of an image in the mirror, by part, band and tile, as its files have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import rasterio
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import CRSError, RasterioError
from rasterio.windows import Window

from geesync.adapters.formats.gdal import told_files_only
from geesync.domain.json import Json
from geesync.domain.mirror.coverage import Tile, tiles
from geesync.domain.mirror.layout import file_stem
from geesync.domain.mirror.vrt import Placed, vrt
from geesync.domain.tasks.exports import Part, Way
from geesync.errors import Cause, RemoteError


class MirroredPixels:
    """An image in the mirror; its sidecar tells which files hold what."""

    def __init__(self, mirror: Path, path: str, sidecar: Json) -> None:
        folder = mirror / path
        told = [part for part in sidecar["parts"] if part.get("grid")]
        self.parts = [part_of(one) for one in told]
        self._rasters = {part_of(one): virtual(folder, path, one) for one in told}

    def read(self, part: Part, band: str, tile: Tile) -> NDArray[Any]:
        """Return (height, width) of a band's raw values. Raises RemoteError INTEGRITY."""
        window = Window(tile.column, tile.row, tile.width, tile.height)
        try:
            with told_files_only(), rasterio.open(self._rasters[part]) as raster:
                values: NDArray[Any] = raster.read(part.bands.index(band) + 1, window=window)
                return values
        except RasterioError as error:
            raise RemoteError(Cause.INTEGRITY, f"the mirror cannot be read: {error}") from error


def part_of(told: Json) -> Part:
    """Return a part of an image as its sidecar tells it."""
    known = {key: told[key] for key in ("key", "extension", "bands", "grid", "pixel_type")}
    return Part.from_json(
        {
            **known,
            "sentinel": told["nodata"],
            "of_masks": told["holds"] == "masks",
            "columns": [],
            "tile_edge": told["tile_edge"],
            "way": told.get("way", Way.BUCKET),
        }
    )


def virtual(folder: Path, path: str, told: Json) -> str:
    """Return the virtual raster of a part's files; told: the part in its sidecar.

    Raises RemoteError INTEGRITY if they do not cover it.
    """
    part = part_of(told)
    placed = tiles(part, file_stem(path, part.key), (file["name"] for file in told["files"]))
    if placed is None:
        raise RemoteError(Cause.INTEGRITY, f"the files of {path} are not all there")
    return vrt(Placed(part, placed), path=lambda name: str(folder / name)).decode()


def same_crs(one: str, other: str) -> bool:
    """Whether two texts, codes or WKT, mean the same CRS; not known is not the same."""
    try:
        return bool(CRS.from_user_input(one) == CRS.from_user_input(other))
    except CRSError:
        return False
