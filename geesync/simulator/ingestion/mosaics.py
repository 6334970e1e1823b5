"""Tilesets of manifests: files of one structure that are read as one raster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import MaskFlags
from rasterio.errors import RasterioIOError
from rasterio.io import DatasetReader

from geesync.simulator.assets.asset_json import TRANSFORM_KEYS
from geesync.simulator.computing.projections import Projection, aligned
from geesync.simulator.messages.manifest_messages import PIXEL_TYPES
from geesync.simulator.refusals import INVALID_ARGUMENT, ExportRefused
from geesync.simulator.world.pixels import Json, PixelArray, SimGrid

LEAST_COVERAGE = 0.01  #: of the rectangle around all files; emptier ones are refused
TOO_EMPTY = "The files of a tileset cover less than 1% of its extent."
MOST_VALUES = 10**9  #: of a file, and pixels of the rectangle; all are held in memory

#: Fetches a source by its URIs and returns its first file.
Fetch = Callable[[Sequence[str]], Path]


@dataclass(frozen=True)
class Mosaic:
    """What the files of a tileset hold together."""

    grid: SimGrid
    values: PixelArray  #: (band, row, column), as the files have them; 0 where no file is
    covered: NDArray[np.bool_]  #: (row, column), whether there is a file
    no_data: tuple[float | None, ...]  #: of each band, as the files say
    internal_mask: NDArray[np.bool_] | None  #: (row, column), True = valid; None = no file has one
    dtype: np.dtype[Any]  #: what the manifest declares, by default the files' own


def read_tileset(tileset: Json, fetch: Fetch) -> Mosaic:
    """Return the mosaic of a tileset; raises ExportRefused if its files do not fit together."""
    tiles = [_tile(source, tileset, fetch(source["uris"])) for source in tileset["sources"]]
    first = tiles[0]
    for tile in tiles[1:]:
        if tile.structure != first.structure:
            raise refused("All files of a tileset must have the same bands, types and no-data.")
    grid, places = _union([tile.grid for tile in tiles])
    shape = (grid.height, grid.width)
    area = sum(tile.grid.width * tile.grid.height for tile in tiles)
    if area < LEAST_COVERAGE * grid.width * grid.height:  # before there is memory for all of it
        raise refused(TOO_EMPTY)
    values = np.zeros((len(first.values), *shape), first.values.dtype)
    covered = np.zeros(shape, bool)
    mask = np.ones(shape, bool) if any(tile.mask is not None for tile in tiles) else None
    for tile, place in zip(tiles, places, strict=True):
        values[:, *place] = tile.values
        covered[place] = True
        if mask is not None and tile.mask is not None:
            mask[place] = tile.mask
    if covered.mean() < LEAST_COVERAGE:
        raise refused(TOO_EMPTY)
    declared = PIXEL_TYPES.get(tileset.get("dataType", ""))
    dtype = np.dtype(declared) if declared else values.dtype
    if dtype.name not in PIXEL_TYPES.values():
        raise refused(f"Files of type {dtype.name} cannot be ingested.")
    return Mosaic(grid, values, covered, first.no_data, mask, dtype)


@dataclass(frozen=True)
class _Tile:
    grid: SimGrid
    values: PixelArray
    no_data: tuple[float | None, ...]
    mask: NDArray[np.bool_] | None

    @property
    def structure(self) -> object:
        """What the tiles of a tileset must have in common."""
        return self.values.shape[0], self.values.dtype, str(self.no_data)


def _tile(source: Json, tileset: Json, file: Path) -> _Tile:
    try:
        with rasterio.open(file, driver="GTiff") as dataset:
            if dataset.width * dataset.height * dataset.count > MOST_VALUES:
                raise refused(f"The simulator ingests at most {MOST_VALUES} values a file.")
            crs = tileset.get("crs") or _crs_of(dataset.crs)
            a, b, c, d, e, f = dataset.transform[:6]
            if terms := source.get("affineTransform"):
                a, b, c, d, e, f = (float(terms.get(key, 0)) for key in TRANSFORM_KEYS)
            grid = SimGrid(crs, (a, b, c, d, e, f), dataset.width, dataset.height)
            Projection(crs, grid.transform).checked()
            return _Tile(grid, dataset.read(), dataset.nodatavals, _internal_mask(dataset))
    except RasterioIOError as error:
        raise refused(f"Unable to open {file.name}.") from error


def _internal_mask(dataset: DatasetReader) -> NDArray[np.bool_] | None:
    """Return the one mask of all bands that a file itself carries, if it does."""
    flags = dataset.mask_flag_enums[0]
    if MaskFlags.per_dataset not in flags or MaskFlags.alpha in flags:
        return None
    valid: NDArray[np.bool_] = dataset.read_masks(1) > 0
    return valid


def _crs_of(crs: CRS | None) -> str:
    """Return a CRS as the service tells it: by its EPSG code if it has one, else as WKT."""
    if crs is None:
        raise refused("The file has no coordinate reference system, and none is given.")
    code = crs.to_epsg()
    if code is not None and CRS.from_epsg(code) == crs:
        return f"EPSG:{code}"
    return str(crs.to_wkt())


def _union(grids: list[SimGrid]) -> tuple[SimGrid, list[tuple[slice, slice]]]:
    """Return the rectangle around all grids, and the place (rows, columns) of each in it."""
    corners = [aligned(grids[0], grid) for grid in grids]
    found = [corner for corner in corners if corner is not None]
    if len(found) < len(grids):
        raise refused("The files of a tileset must share a projection and whole pixels.")
    top, left = min(row for row, _ in found), min(column for _, column in found)
    places = [
        (
            slice(row - top, row - top + grid.height),
            slice(column - left, column - left + grid.width),
        )
        for (row, column), grid in zip(found, grids, strict=True)
    ]
    height, width = (max(place[axis].stop for place in places) for axis in (0, 1))
    projection = Projection(grids[0].crs, grids[0].transform)
    return projection.grid(left, top, width, height), places


def refused(message: str) -> ExportRefused:
    """Return the refusal of files that can never become an asset."""
    return ExportRefused(INVALID_ARGUMENT, message)
