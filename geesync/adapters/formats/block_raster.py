"""A raster written block by block by many threads, then split into COGs. Imports rasterio."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from xml.etree import ElementTree as ET

import rasterio
import rasterio.shutil
from affine import Affine
from numpy.typing import NDArray
from rasterio.windows import Window

#: Edge of the tiles on disk, in pixels.
_TILE = 256

#: GDAL's names of numpy's types, as a virtual raster wants them.
_TYPES = {"float32": "Float32", "float64": "Float64", "int16": "Int16"}


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
        """Return a virtual raster of some bands (https://gdal.org/drivers/raster/vrt.html)."""
        width, height = str(self._dataset.width), str(self._dataset.height)
        top = ET.Element("VRTDataset", rasterXSize=width, rasterYSize=height)
        ET.SubElement(top, "SRS").text = self._dataset.crs.to_wkt()
        numbers = self._dataset.transform.to_gdal()
        ET.SubElement(top, "GeoTransform").text = ", ".join(map(repr, numbers))
        for place, (number, name) in enumerate(bands.items(), start=1):
            band = ET.SubElement(
                top, "VRTRasterBand", dataType=_TYPES[self._dtype], band=str(place)
            )
            ET.SubElement(band, "Description").text = name
            ET.SubElement(band, "NoDataValue").text = str(nodata)
            source = ET.SubElement(band, "SimpleSource")
            ET.SubElement(source, "SourceFilename").text = str(self._path)
            ET.SubElement(source, "SourceBand").text = str(number + 1)
        return ET.tostring(top, encoding="unicode")
