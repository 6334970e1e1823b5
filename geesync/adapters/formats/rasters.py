"""GeoTIFFs, read whole and compared with what Earth Engine says they are. Imports rasterio."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geesync.adapters.formats.gdal import opened, reading, window, without_notes
from geesync.domain.assets.grid import Grid, spelled_out
from geesync.domain.mirror.coverage import Tile
from geesync.errors import Cause, RemoteError

if TYPE_CHECKING:
    from geesync.adapters.formats.gdal import Bands


@dataclass(frozen=True)
class Expected:
    """What a GeoTIFF must be."""

    grid: Grid
    pixel_type: str  #: numpy name
    bands: tuple[str, ...]  #: band descriptions, in file order
    sentinel: float | None = None  #: what the file must name as the value of masked pixels
    ranges: tuple[tuple[float, float] | None, ...] = ()
    """By band: (least, most) of what its pixels may be, but for the sentinel; none says nothing."""
    of_masks: bool = False


#: What one block of all bands may take in memory; a hundred times what Earth Engine writes.
_MOST_BLOCK_BYTES = 512 * 1024 * 1024


def prove(path: Path, expected: Expected) -> None:
    """Read a GeoTIFF through, every block, and compare it with what it must be.

    The header is compared first: a file that lies about its size is not read. Raises RemoteError,
    saying what differs: PLAN if it is the sentinel that cannot be relied on, else INTEGRITY.
    """
    with _opened_as(path, expected) as dataset:
        _refuse_expensive(path, dataset, expected.pixel_type)
        for _, block in dataset.block_windows(1):
            _compare_values(path, dataset.read(window=block), expected)


def read_proved(
    path: Path, expected: Expected, tiles: Iterable[tuple[Tile, tuple[int, ...]]]
) -> Generator[Bands]:
    """Yield the pixels of tiles of a GeoTIFF whose header is compared as ``prove`` does it.

    tiles: with the bands of each that are read, by their numbers from 1. Raises as ``prove``.
    """
    with _opened_as(path, expected) as dataset:
        for tile, numbers in tiles:
            yield dataset.read(numbers, window=window(tile))


@contextmanager
def _opened_as(path: Path, expected: Expected) -> Iterator[Any]:
    """Open a GeoTIFF whose header says what it must."""
    with reading(path.name), opened(path) as dataset:
        _compare_header(path, dataset, expected)
        _compare_place(path, dataset, expected.grid)
        _compare_sentinel(path, set(dataset.nodatavals), expected.sentinel)
        yield dataset


def _refuse_expensive(path: Path, dataset: Any, pixel_type: str) -> None:
    """Refuse blocks that are made to fill the memory; Earth Engine's are 256 pixels wide."""
    import numpy as np  # noqa: PLC0415 # it takes longer to load than most commands to run

    pixels = max(height * width for height, width in dataset.block_shapes)
    block_bytes = pixels * dataset.count * np.dtype(pixel_type).itemsize
    if block_bytes > _MOST_BLOCK_BYTES:
        raise RemoteError(
            Cause.INTEGRITY, f"{path.name} has blocks of {block_bytes:,} bytes, too large to read"
        )


def _compare_header(path: Path, dataset: Any, expected: Expected) -> None:
    bands = dataset.descriptions if any(dataset.descriptions) else ("unnamed",) * dataset.count
    if bands == ("unnamed",) * len(expected.bands):
        bands = expected.bands  # very old exports have no descriptions
    for what, found, promised in (
        ("width", dataset.width, expected.grid.width),
        ("height", dataset.height, expected.grid.height),
        ("pixel types", sorted(set(dataset.dtypes)), [expected.pixel_type]),
        ("bands", bands, expected.bands),
    ):
        if found != promised:
            problem = f"{path.name}: {what} {found}, Earth Engine says {promised}"
            raise RemoteError(Cause.INTEGRITY, problem)


def _compare_sentinel(path: Path, found: set[float | None], sentinel: float | None) -> None:
    if found != {sentinel}:
        cause = Cause.INTEGRITY if sentinel is None else Cause.PLAN
        raise RemoteError(cause, f"{path.name}: nodata {found}, asked for was {sentinel}")


def _compare_values(path: Path, block: Any, expected: Expected) -> None:
    """Compare pixels, of shape (bands, rows, columns), with what is declared of them.

    A pixel out of its range shows that Earth Engine's word for the range, and so the sentinel and
    the type, proves nothing.
    """
    for band, values, limits in zip(expected.bands, block, expected.ranges, strict=False):
        if limits is None:
            continue
        for value in beyond(values, limits, expected.sentinel):
            raise RemoteError(
                Cause.INTEGRITY if expected.of_masks else Cause.PLAN,
                f"{path.name}: band {band} holds {value}, declared is"
                f" {limits[0]:g} to {limits[1]:g}",
            )


def beyond(values: Any, limits: tuple[float, float], sentinel: float | None) -> Any:
    """Return the pixels, of an array, that are out of their limits and not the sentinel."""
    outside = (values < limits[0]) | (values > limits[1])
    if sentinel is not None:
        outside &= values != sentinel
    return values[outside]


def _compare_place(path: Path, dataset: Any, grid: Grid) -> None:
    c, a, b, f, d, e = dataset.get_transform()  # as GDAL orders them
    transform = a, b, c, d, e, f
    if not grid.same_place(transform):
        raise RemoteError(
            Cause.INTEGRITY,
            f"{path.name}: transform {transform}, Earth Engine says {grid.transform}",
        )
    crs = _read_crs(spelled_out(grid.crs))
    if crs is None:
        prove_projections()
        crs = dataset.crs  # whatever such a code means: the file spells it out
    if not same_crs(dataset.crs, crs):
        raise RemoteError(
            Cause.INTEGRITY, f"{path.name}: CRS {dataset.crs}, Earth Engine says {grid.crs}"
        )


def same_crs(found: Any, expected: Any) -> bool:
    """Compare by meaning: a GeoTIFF keeps a CRS as keys, and its text changes on the way."""
    if not found:
        return False
    if found == expected:
        return True
    return bool(found.to_dict(projjson=False) == expected.to_dict(projjson=False))


def _read_crs(text: str) -> Any:
    """Return the ``rasterio.CRS`` of a code or a text; None if GDAL does not understand it."""
    from rasterio.crs import CRS  # noqa: PLC0415
    from rasterio.errors import CRSError  # noqa: PLC0415

    try:
        return CRS.from_user_input(text)
    except CRSError:
        return None


@lru_cache(maxsize=64)
def wkt2(crs: str) -> str:
    """Return any text of a CRS as WKT2, as far as GDAL understands it."""
    from rasterio.enums import WktVersion  # noqa: PLC0415

    read = _read_crs(spelled_out(crs))
    return crs if read is None else str(read.to_wkt(version=WktVersion.WKT2_2019))


@lru_cache(maxsize=64)
def is_known(crs: str) -> bool:
    """Whether GDAL knows a CRS by its code, or understands its text."""
    return _read_crs(crs) is not None


#: Codes that PROJ has always known, UTM's among them: the daemon loads no GDAL for these, 45 MB.
_USUAL = re.compile(r"EPSG:(4326|3857|32[67](0[1-9]|[1-5]\d|60))")


def in_full(crs: str, file: Path) -> str:
    """Return a CRS as it is where GDAL knows it; else as WKT, which a file of it spells out."""
    if _USUAL.fullmatch(crs) or is_known(crs):
        return crs
    if is_known(spelled_out(crs)):
        return spelled_out(crs)
    import rasterio  # noqa: PLC0415

    with without_notes(), rasterio.open(file, driver="GTiff") as dataset:
        return str(dataset.crs.to_wkt()) if dataset.crs else crs


def prove_projections() -> None:
    """Raise RemoteError DISK if PROJ does not know the commonest of codes.

    Its database is absent or another version's: nothing could be compared.
    """
    if not all(map(is_known, ("EPSG:4326", "EPSG:32633"))):
        raise RemoteError(
            Cause.DISK,
            "PROJ knows no coordinate systems: its database is absent or of another version;"
            " unset PROJ_DATA and PROJ_LIB, or install rasterio anew",
        )
