"""What a GeoTIFF must be like that stays in its bucket and is read from there.

https://developers.google.com/earth-engine/Earth_Engine_asset_from_cloud_geotiff
"""

from __future__ import annotations

from pathlib import Path

import rasterio
from rasterio.errors import RasterioIOError
from rasterio.io import DatasetReader

from geesync.simulator.ingestion.mosaics import refused

BLOCK_EDGES = (256, 512, 1024, 2048)  #: pixels
HEADER_BYTES = 10_000_000  #: all that says what is where in a file must be this near to its front
#: Where buckets may be, in the words of Cloud Storage: regions that contain us-central1.
LOCATIONS = ("US", "US-CENTRAL1", "NAM4")


def check_location(location: str) -> None:
    """Raise ExportRefused for a bucket that is too far away."""
    if location.upper() not in LOCATIONS:
        raise refused(
            f"The bucket is in {location}; it must be in US, us-central1 or a dual-region that"
            " includes us-central1."
        )


def check_layout(file: Path) -> None:
    """Raise ExportRefused unless a file is a GeoTIFF that can be read a block at a time."""
    try:
        with rasterio.open(file, driver="GTiff") as dataset:
            if dataset.crs is None:
                raise refused("Could not parse a valid CRS from the first overview of the GeoTIFF.")
            height, width = dataset.block_shapes[0]
            small = max(dataset.shape) <= min(width, height)
            if not small and (height != width or width not in BLOCK_EDGES):
                raise refused(
                    f"The GeoTIFF is in blocks of {width}x{height} pixels; they must be square, of"
                    f" {', '.join(map(str, BLOCK_EDGES))} pixels."
                )
            if _last_header(dataset) > HEADER_BYTES:
                raise refused(
                    f"The metadata of the TIFF could not be read in the first {HEADER_BYTES} bytes."
                )
    except RasterioIOError as error:
        raise refused(f"Unable to open {file.name}.") from error


def _last_header(dataset: DatasetReader) -> int:
    """Return where the last directory of a file begins, of the image or of an overview."""
    levels = [None, *range(len(dataset.overviews(1)))]
    offsets = (dataset.get_tag_item("IFD_OFFSET", "TIFF", bidx=1, ovr=level) for level in levels)
    return max(int(offset or 0) for offset in offsets)
