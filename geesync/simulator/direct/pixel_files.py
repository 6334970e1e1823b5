"""Pixels as the bytes of an answer: NumPy arrays, GeoTIFFs and PNGs; masked pixels are 0."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from rasterio.io import MemoryFile

from geesync.simulator.api.service import Content
from geesync.simulator.computing.images import Band, Image
from geesync.simulator.exports.geotiff import GeoTiffOptions, common_type, write_file
from geesync.simulator.refusals import BadRequest
from geesync.simulator.world.pixels import PixelArray, SimGrid

PNG_BANDS = (1, 3)  #: grey, or red, green and blue

Encode = Callable[[Image, SimGrid], bytes]


def encoded(image: Image, grid: SimGrid, file_format: str) -> Content:
    """Return the pixels of all bands of an image on a grid.

    file_format: as in the request. Raises BadRequest if there is no such format, or if it
    cannot hold the bands, ExportRefused if the expression cannot be computed.
    """
    if file_format not in FORMATS:
        known = ", ".join(FORMATS)
        raise BadRequest(f"The simulator answers with pixels as {known}, not {file_format}.")
    encode, media_type = FORMATS[file_format]
    return Content(encode(image, grid), media_type)


def _npy(image: Image, grid: SimGrid) -> bytes:
    """Return a NumPy file, version 1.0: an array (height, width) with a field for each band.

    The fields are little-endian and may differ in type; the order is C's.
    """
    names = [band.id for band in image.bands]
    if len(set(names)) < len(names):
        raise BadRequest("Duplicate band names cannot be told apart in an NPY array.")
    fields = [(band.id, band.type.dtype.newbyteorder("<")) for band in image.bands]
    array = np.zeros((grid.height, grid.width), np.dtype(fields))
    for band in image.bands:
        _fill(array[band.id], band, grid)
    file = io.BytesIO()
    np.lib.format.write_array(file, array, version=(1, 0))
    return file.getvalue()


def _fill(field: Any, band: Band, grid: SimGrid) -> None:
    if band.array_dimensions:
        raise BadRequest(f"Band '{band.id}' is an array; only scalar bands can be fetched.")
    values, mask = band.read(grid)
    np.copyto(field, values, where=mask > 0, casting="unsafe")


def _geotiff(image: Image, grid: SimGrid) -> bytes:
    """Return a GeoTIFF, whose bands must be of one type; no value is named as no data."""
    common_type(image)
    return _written(image, grid, GeoTiffOptions(grid.width, grid.height))


def geotiff_to_download(image: Image, grid: SimGrid) -> bytes:
    """Return a GeoTIFF whose masked pixels are named: the least value of the type, or -inf."""
    kind = common_type(image)
    masked = -math.inf if kind.kind == "f" else float(np.iinfo(kind).min)
    options = GeoTiffOptions(grid.width, grid.height, no_data=masked)
    return _written(image, grid, options)


def _written(image: Image, grid: SimGrid, options: GeoTiffOptions) -> bytes:
    with MemoryFile(ext=".tif") as file:
        write_file(image, grid, options, file.name)
        return bytes(file.getbuffer())


def _png(image: Image, grid: SimGrid) -> bytes:
    """Return a PNG of one or three bands of bytes."""
    if common_type(image) != np.uint8 or len(image.bands) not in PNG_BANDS:
        raise BadRequest("A PNG must have one or three bands of type Byte.")
    pixels: PixelArray = np.zeros((len(image.bands), grid.height, grid.width), np.uint8)
    for plane, band in zip(pixels, image.bands, strict=True):
        _fill(plane, band, grid)
    profile = {
        "driver": "PNG",
        "dtype": "uint8",
        "count": len(pixels),
        "width": grid.width,
        "height": grid.height,
        "transform": Affine(*grid.transform),  # a PNG has none, but GDAL warns without
    }
    with rasterio.Env(GDAL_PAM_ENABLED=False), MemoryFile(ext=".png") as file:
        with file.open(**profile) as dataset:
            dataset.write(pixels)
        return bytes(file.getbuffer())


#: Name in a request → what makes it, and its media type.
FORMATS: dict[str, tuple[Encode, str]] = {
    "NPY": (_npy, "application/octet-stream"),
    "GEO_TIFF": (_geotiff, "image/tiff"),
    "PNG": (_png, "image/png"),
}
