"""Cloud-optimised GeoTIFFs that geesync writes itself, and the pieces they are made of.

Overviews take the nearest pixel, since no mean of classes is a class. Imports rasterio.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geesync.adapters.formats import rasters
from geesync.adapters.formats.gdal import opened, reading, window, without_notes
from geesync.domain.direct.readings import BLOCK_PX
from geesync.domain.mirror.coverage import Tile
from geesync.domain.mirror.vrt import Placed, vrt
from geesync.domain.tasks.exports import Part
from geesync.errors import Cause, RemoteError

#: The fastest: with a predictor higher ones save few bytes, and take several times as long.
_LEVEL = "1"

#: A side of a block, in pixels; an only one is as small as may be, a multiple of 16.
#: https://gdal.org/drivers/raster/cog.html
_BLOCK_PX = 2 * BLOCK_PX
_ONE_IS_OF = 16

#: The largest block of a pattern, unpacked, in bytes.
_MOST_OF_PATTERN = 64 * 1024

#: Its nodata value passes through a float on the way to a file, unless a virtual raster names it.
_NAMED_BY_VRT = "int64"

if TYPE_CHECKING:
    from geesync.adapters.formats.gdal import Bands
    from geesync.adapters.formats.one_block import Pattern


def digest(bands: Bands) -> str:
    """Return what tells pixels from all others, as text for a file's name."""
    import numpy as np  # noqa: PLC0415 # it takes longer to load than most commands to run

    return hashlib.sha256(np.ascontiguousarray(bands).data).hexdigest()[:32]


def write_piece(path: Path, bands: Bands) -> None:
    """Write pixels as they are, to be found again by ``read``; where they lie is not told."""
    from affine import Affine  # noqa: PLC0415 # as rasterio is

    count, height, width = bands.shape
    profile = {
        "driver": "GTiff",
        "count": count,
        "height": height,
        "width": width,
        "dtype": bands.dtype,
        "tiled": True,
        "blockxsize": BLOCK_PX,
        "blockysize": BLOCK_PX,
        "transform": Affine.scale(2, -2),  # GDAL warns of a file without one
        "compress": "ZSTD",
        "zstd_level": _LEVEL,  # it is read once and removed
    }
    with writing(path.name) as rasterio, rasterio.open(path, "w", **profile) as dataset:
        dataset.write(bands)


def cog(part: Part, bands: Bands, compress: str, crs: str) -> bytes:
    """Return the file of a part whose pixels are at hand; crs: its grid's, as GDAL knows it."""
    grid = part.grid
    assert grid is not None
    if (known := pattern(part, compress, crs)) is not None:
        return known.file(grid, bands)
    return _by_gdal(part, bands, compress, crs)


def pattern(part: Part, compress: str, crs: str) -> Pattern | None:
    """Return the pattern of a part's file, as ``cog`` writes it; None if it needs GDAL."""
    assert part.grid is not None
    a, b, _, d, e, _ = part.grid.transform
    somewhere = replace(part.grid, transform=(a, b, 1.0, d, e, 1.0))
    return _pattern(replace(part, grid=somewhere), compress, crs)


@lru_cache(maxsize=64)
def _pattern(part: Part, compress: str, crs: str) -> Pattern | None:
    import numpy as np  # noqa: PLC0415 # it takes longer to load than most commands to run

    from geesync.adapters.formats.one_block import Pattern  # noqa: PLC0415 # it imports numpy

    assert part.grid is not None
    shape, dtype = (len(part.bands), part.grid.height, part.grid.width), np.dtype(part.pixel_type)
    block_px = _block_px(part)
    is_small = len(part.bands) * block_px**2 * dtype.itemsize <= _MOST_OF_PATTERN
    if not is_small or compress != "deflate" or not can_write_at_once(part):
        return None
    content = _by_gdal(part, np.zeros(shape, dtype), compress, crs)
    return Pattern(content, shape, block_px, dtype, int(_LEVEL))


def _by_gdal(part: Part, bands: Bands, compress: str, crs: str) -> bytes:
    from rasterio.io import MemoryFile  # noqa: PLC0415 # GDAL takes longer to load than most commands

    grid = part.grid
    assert grid is not None
    with for_pixels(), writing(part.id) as rasterio, MemoryFile() as memory:
        profile = {
            "count": len(bands),
            "height": grid.height,
            "width": grid.width,
            "dtype": part.pixel_type,
            "nodata": part.sentinel,
            "crs": crs,
            "transform": rasterio.Affine(*grid.transform),
            **_cog_options(compress, part),
        }
        with memory.open(**profile) as dataset:
            dataset.descriptions = part.bands
            dataset.write(bands)
        content: bytes = memory.read()
        return content


def read_proved(
    path: Path, part: Part, compress: str, crs: str, tiles: Iterable[tuple[Tile, tuple[int, ...]]]
) -> Generator[Bands]:
    """Yield the pixels of a file that geesync wrote of a part, as ``rasters.read_proved`` does.

    tiles: all that it was written of. What follows a pattern is read by GDAL once for each pattern:
    after that, all but the place and the pixels must be the same, byte for byte.
    """
    assert part.grid is not None
    known = pattern(part, compress, crs)
    there = known.pixels(part.grid, path.read_bytes()) if known else None
    if known and known.is_proved and there is not None:
        yield there
        return
    expected = rasters.Expected(part.grid, part.pixel_type, part.bands, part.sentinel)
    yield from rasters.read_proved(path, expected, tiles)
    if known and there is not None:  # who asked has compared the pixels, too, and asks for more
        known.is_proved = True


def for_pixels() -> AbstractContextManager[object]:
    """Return a context for pixels alone: what a CRS means is not looked up in a database."""
    return without_notes(GTIFF_SRS_SOURCE="GEOKEYS")


def can_write_at_once(part: Part) -> bool:
    """Whether ``cog`` can; else ``join`` must."""
    return part.pixel_type != _NAMED_BY_VRT or part.sentinel is None


def join(path: Path, placed: Placed, folder: Path, compress: str, crs: str) -> None:
    """Write a part of pieces, which are in a folder, as one file; crs: as in ``cog``."""
    text = vrt(placed, where=folder.joinpath, crs=crs)
    with writing(path.name) as rasterio:
        rasterio.shutil.copy(text.decode(), path, **_cog_options(compress, placed.part))


def _cog_options(compress: str, part: Part) -> dict[str, Any]:
    """Return GDAL's options."""
    options = {
        "driver": "COG",
        "blocksize": _block_px(part),
        "compress": compress,
        "level": _LEVEL,
        "bigtiff": "IF_SAFER",
        "overview_resampling": "NEAREST",
    }
    if not part.pixel_type.endswith("int8"):  # these are classes, mostly
        options["predictor"] = "YES"
    return options


def _block_px(part: Part) -> int:
    """Return the side of a file's blocks; a small image is one, not much larger than it is."""
    assert part.grid is not None
    edge = max(part.grid.height, part.grid.width)
    return min(-(-edge // _ONE_IS_OF) * _ONE_IS_OF, _BLOCK_PX)


@contextmanager
def writing(name: str) -> Iterator[Any]:
    """Give rasterio. Raises RemoteError DISK for what cannot be written."""
    import rasterio.shutil  # noqa: PLC0415 # GDAL takes longer to load than most commands to run
    from rasterio._err import CPLE_BaseError  # noqa: PLC0415 # what a copy raises
    from rasterio.errors import RasterioError  # noqa: PLC0415

    try:
        # A small block is none of those that GDAL lists, and warns of, but it writes it.
        with without_notes(GDAL_VALIDATE_CREATION_OPTIONS="NO"):
            yield rasterio
    except (RasterioError, CPLE_BaseError) as error:
        raise RemoteError(Cause.DISK, f"{name} cannot be written: {error}") from error


def read(path: Path, tile: Tile, bands: tuple[int, ...] | None = None) -> Bands:
    """Return the pixels of a part of a file; bands: their numbers from 1, by default all.

    Raises RemoteError INTEGRITY if they cannot be read.
    """
    with reading(path.name, env=for_pixels()), opened(path) as dataset:
        found: Bands = dataset.read(bands, window=window(tile))
    return found
