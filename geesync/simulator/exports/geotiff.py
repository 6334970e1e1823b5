"""Writes images as the GeoTIFF files that a batch export leaves behind."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
from affine import Affine
from rasterio.io import DatasetWriter
from rasterio.windows import Window

from geesync.simulator.computing.images import Band, Image
from geesync.simulator.computing.projections import Projection, parse_crs
from geesync.simulator.profiles import Profile
from geesync.simulator.refusals import INVALID_ARGUMENT, ExportRefused
from geesync.simulator.world.pixels import TYPE_NAMES, Json, SimGrid

BLOCK = 256  #: edge in pixels of a block inside a file, and of the smallest file of a split
CHUNK = 2 * BLOCK  #: edge in pixels of what is evaluated at a time
FILE_BYTES = 2**31  #: of pixels; images with more are split
MAX_PIXELS = 10**8  #: unless the request allows more
MOST_PIXELS = 10**9  #: of an image; as many as this simulator is ready to make in one export
MOST_FILES = 100_000  #: of an image; likewise


@dataclass(frozen=True)
class GeoTiffOptions:
    """How the files are to be written; see Earth Engine's ``GeoTiffImageFileOptions``."""

    file_width: int  #: pixels; the image is split into files that are no larger
    file_height: int  #: likewise
    never_split: int = 0  #: pixels; whatever is asked, an image of this edge is one file
    fill: float = 0.0  #: for masked pixels
    no_data: float | None = None  #: likewise, and named as such in the file
    cloud_optimized: bool = False
    skip_empty_files: bool = False
    tile_joint: str = ""  #: between the prefix and a tile's offsets

    @property
    def masked(self) -> float:
        """What masked pixels become."""
        return self.fill if self.no_data is None else self.no_data


def default_edge(bytes_per_pixel: int) -> int:
    """Return the edge in pixels of the files that a large image is split into.

    bytes_per_pixel: of all bands together. Inferred from the names of public exports.
    """
    return BLOCK * math.ceil(math.sqrt(FILE_BYTES / bytes_per_pixel) / BLOCK)


def read_options(asked: Json, image: Image, profile: Profile) -> GeoTiffOptions:
    """Return the options of a request; raises ExportRefused if they do not fit the image.

    asked: ``geoTiffOptions``.
    """
    kind = common_type(image)
    edge = profile.file_edge or default_edge(kind.itemsize * len(image.bands))
    tile = asked.get("tileDimensions", {})
    width, height = int(tile.get("width", edge)), int(tile.get("height", edge))
    shard = int(asked.get("tileSize", BLOCK))
    if tile and (width % shard or height % shard):
        raise _refused(f"The file dimensions must be multiples of the shard size, {shard}.")
    return GeoTiffOptions(
        file_width=width,
        file_height=height,
        never_split=0 if profile.small_images_split else edge,
        tile_joint=profile.tile_joint,
        fill=profile.masked_float if kind.kind == "f" else 0.0,
        no_data=_no_data(asked.get("noData", {}), kind),
        cloud_optimized=asked.get("cloudOptimized", False),
        skip_empty_files=asked.get("skipEmptyFiles", False),
    )


def check_size(grid: SimGrid, max_pixels: int | None) -> None:
    """Raise ExportRefused if a grid has more pixels than the request allows."""
    pixels, limit = grid.width * grid.height, max_pixels or MAX_PIXELS
    if pixels > limit:
        raise _refused(
            f"Export too large: specified {pixels} pixels (max: {limit}). Specify higher"
            " maxPixels value if you intend to export a large area."
        )
    if pixels > MOST_PIXELS:
        raise _refused(f"The simulator exports at most {MOST_PIXELS} pixels, not {pixels}.")


def write_geotiffs(
    image: Image, grid: SimGrid, options: GeoTiffOptions, stem: Path
) -> Iterator[tuple[str, Path]]:
    """Write an image and yield (what comes after the name's prefix, file), row by row.

    Raises ExportRefused at the end if the whole image turned out to be masked.
    """
    any_valid = False
    files = math.ceil(grid.width / options.file_width) * math.ceil(
        grid.height / options.file_height
    )
    if files > MOST_FILES:
        raise _refused(f"The simulator writes at most {MOST_FILES} files, not {files}.")
    for suffix, part in _parts(grid, options):
        file = stem.with_name(f"{stem.name}{suffix}.tif")
        valid = write_file(image, part, options, str(file))
        any_valid |= valid
        if options.cloud_optimized:
            file = _as_cloud_optimized(file)
        if valid or not options.skip_empty_files:
            yield f"{suffix}.tif", file
    if not any_valid:
        raise _refused("No valid (un-masked) pixels in export region.")


def _refused(message: str) -> ExportRefused:
    return ExportRefused(INVALID_ARGUMENT, message)


def common_type(image: Image) -> np.dtype[Any]:
    """Return the one pixel type of all bands; raises ExportRefused if there is none."""
    if not image.bands:
        raise _refused("Image has no bands.")
    for band in image.bands:
        if band.array_dimensions:
            raise _refused(f"Band '{band.id}' is an array; only scalar bands can be exported.")
    names = list(dict.fromkeys(TYPE_NAMES[band.type.dtype.name] for band in image.bands))
    if len(names) > 1:
        raise _refused(
            "Exported bands must have compatible data types; found inconsistent types:"
            f" {names[0]} and {names[1]}."
        )
    return image.bands[0].type.dtype


def _no_data(asked: Json, kind: np.dtype[Any]) -> float | None:
    """Return the value for masked pixels; raises ExportRefused if the type cannot hold it."""
    if not asked:
        return None
    value = float(next(iter(asked.values())))
    if kind.kind == "f":
        fits = not math.isfinite(value) or abs(value) <= np.finfo(kind).max
    else:
        info = np.iinfo(kind)
        fits = value.is_integer() and info.min <= value <= info.max
    if not fits:
        name = TYPE_NAMES[kind.name]
        raise _refused(f"The noData value {value:g} is not in the range of type {name}.")
    return value


def _parts(grid: SimGrid, options: GeoTiffOptions) -> Iterator[tuple[str, SimGrid]]:
    """Yield (suffix, grid) of all files of an image."""
    width, height = options.file_width, options.file_height
    if max(grid.width, grid.height) <= options.never_split:
        width, height = grid.width, grid.height
    if grid.width <= width and grid.height <= height:
        yield "", grid
        return
    for row, column, part in _tiles(grid, width, height):
        yield f"{options.tile_joint}{row:010d}-{column:010d}", part


def _tiles(grid: SimGrid, width: int, height: int) -> Iterator[tuple[int, int, SimGrid]]:
    """Yield (row, column, grid) of tiles of at most this size, rows first."""
    projection = Projection(grid.crs, grid.transform)
    for row in range(0, grid.height, height):
        for column in range(0, grid.width, width):
            size = min(width, grid.width - column), min(height, grid.height - row)
            yield row, column, projection.grid(column, row, *size)


def write_file(image: Image, grid: SimGrid, options: GeoTiffOptions, file: str) -> bool:
    """Write one file, by a name of GDAL's; returns whether any of its pixels is valid."""
    any_valid = False
    # Half the time that a small file takes goes into its making: rasterio.open enters two
    # environments, and GDAL reads a description of all of its options to check ours.
    with (
        rasterio.Env(GDAL_VALIDATE_CREATION_OPTIONS=False),
        DatasetWriter(file, "w", **_profile(image, grid, options)) as dataset,
    ):
        for index, band in enumerate(image.bands, start=1):
            dataset.set_band_description(index, band.id)
        for row, column, chunk in _tiles(grid, CHUNK, CHUNK):
            bands = [_filled(band, chunk, options.masked) for band in image.bands]
            any_valid |= any(valid for _, valid in bands)
            window = Window(column, row, chunk.width, chunk.height)
            dataset.write(np.stack([values for values, _ in bands]), window=window)
    return any_valid


def _profile(image: Image, grid: SimGrid, options: GeoTiffOptions) -> dict[str, Any]:
    return {
        "driver": "GTiff",
        "width": grid.width,
        "height": grid.height,
        "count": len(image.bands),
        "dtype": image.bands[0].type.dtype.name,
        "crs": parse_crs(grid.crs),
        "transform": Affine(*grid.transform),
        "nodata": options.no_data,
        "BIGTIFF": "YES",
        "TILED": "YES",
        "BLOCKXSIZE": BLOCK,
        "BLOCKYSIZE": BLOCK,
        "COMPRESS": "LZW",
        "INTERLEAVE": "PIXEL",
    }


def _filled(band: Band, grid: SimGrid, fill: float) -> tuple[Any, bool]:
    """Return (values with ``fill`` where masked, whether any is valid)."""
    values, mask = band.read(grid)
    valid = mask > 0
    filled = np.where(valid, values, np.array(fill).astype(values.dtype))
    return filled.astype(band.type.dtype, copy=False), bool(valid.any())


def _as_cloud_optimized(file: Path) -> Path:
    """Replace a GeoTIFF by a cloud-optimized one and return that."""
    optimized = file.with_suffix(".cog.tif")
    rasterio.shutil.copy(
        file,
        optimized,
        driver="COG",
        BIGTIFF="YES",
        BLOCKSIZE=BLOCK,
        COMPRESS="LZW",
        OVERVIEW_RESAMPLING="NEAREST",
    )
    file.unlink()
    return optimized
