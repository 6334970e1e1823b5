"""One cloud-optimised GeoTIFF made of tiles, and proved against them. Imports rasterio."""

from __future__ import annotations

from pathlib import Path

from geesync.errors import Cause, RemoteError


def make_cog(tiles: str, target: Path) -> None:
    """Write a cloud-optimised GeoTIFF of the pixels of a virtual raster, and compare the two.

    tiles: text of the virtual raster. Overviews take the nearest pixel, since no mean of classes
    is a class. Raises RemoteError INTEGRITY if a pixel differs, or if it cannot be written.
    """
    import rasterio.shutil  # noqa: PLC0415 # GDAL takes longer to load than most commands to run
    from rasterio.errors import RasterioError  # noqa: PLC0415

    try:
        rasterio.shutil.copy(
            tiles,
            target,
            driver="COG",
            compress="DEFLATE",
            bigtiff="IF_SAFER",
            overview_resampling="NEAREST",
        )
        _compare(tiles, target)
    except RasterioError as error:
        raise RemoteError(Cause.INTEGRITY, f"{target.name} cannot be made: {error}") from error


def _compare(tiles: str, target: Path) -> None:
    import numpy as np  # noqa: PLC0415
    import rasterio  # noqa: PLC0415

    with rasterio.open(tiles) as there, rasterio.open(target, driver="GTiff") as here:
        if (there.nodatavals, there.descriptions) != (here.nodatavals, here.descriptions):
            raise RemoteError(Cause.INTEGRITY, f"{target.name} lost its nodata value or bands")
        for _, window in here.block_windows(1):
            one, other = there.read(window=window), here.read(window=window)
            if not np.array_equal(one, other, equal_nan=one.dtype.kind == "f"):
                raise RemoteError(Cause.INTEGRITY, f"{target.name} differs from its tiles")
