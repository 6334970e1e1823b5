"""The files that an asset is made of again: types as they were, masks told as ingestion reads them.

Written block by block, so that memory is bounded whatever the image's size. Imports rasterio.
https://developers.google.com/earth-engine/guides/image_manifest#mask_bands
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.windows import Window

from geesync.adapters.formats.gdal import window
from geesync.adapters.mirrored.mirrored_pixels import MirroredImage
from geesync.adapters.tables.table_reading import rows_in
from geesync.adapters.tables.table_writing import write_quoted
from geesync.domain.json import Json
from geesync.domain.mirror.coverage import Tile
from geesync.domain.mirror.layout import file_stem
from geesync.domain.restore.files import MaskFile, PartFiles, Prepared
from geesync.domain.restore.tables import geometry_column, text_of

BLOCK_PX = 512
_VALID, _MASKED = 255, 0

#: Of types so small all values are looked at, for one that is free.
_SMALL_BYTES = 2


@dataclass(frozen=True)
class Masks:
    """What reading an image's masks showed."""

    groups: tuple[tuple[str, ...], ...]  #: bands whose masks are the same, first come first
    fractional: frozenset[str]  #: bands whose masks are not only 0 and 1
    free: Mapping[str, float]  #: of the others that are masked: a value that no valid pixel has

    def beside(self, missing: Mapping[str, float]) -> tuple[tuple[str, ...], ...]:
        """Return the groups that are left where values stand for the masked pixels of some."""
        left = (tuple(band for band in group if band not in missing) for group in self.groups)
        return tuple(filter(None, left))


class MirroredPart:
    """A part of an image in the mirror, with its masks, opened as one raster."""

    def __init__(self, image: MirroredImage, wanted: PartFiles) -> None:
        self.wanted = wanted
        self._image = image

    def blocks(self) -> Iterator[tuple[Window, NDArray[Any], NDArray[np.float32]]]:
        """Yield (window, values, masks), both (band, row, column); masks are 0 to 1."""
        numbers = self._numbers(self.wanted.part)
        with self._image.opened(self.wanted.part) as data, self._masks() as masks:
            for tile in Tile(0, 0, data.height, data.width).cut(BLOCK_PX, BLOCK_PX):
                block = window(tile)
                values = data.read(numbers, window=block)
                yield block, values, self._mask(values, masks, block)

    def profile(self) -> dict[str, Any]:
        """Return where its pixels lie, as rasterio's writers want it."""
        with self._image.opened(self.wanted.part) as data:
            return {
                "width": data.width,
                "height": data.height,
                "crs": data.crs,
                "transform": data.transform,
            }

    def _numbers(self, part: str) -> list[int]:
        """Return the numbers of the wanted bands in the files of a part."""
        held = self._image.bands_of(part)
        return [held.index(band) + 1 for band in self.wanted.bands]

    def _masks(self) -> AbstractContextManager[Any]:
        return self._image.opened(self.wanted.mask_key) if self.wanted.mask_key else nullcontext()

    def _mask(self, values: NDArray[Any], masks: Any, window: Window) -> NDArray[np.float32]:
        if masks is not None:
            numbers = self._numbers(str(self.wanted.mask_key))
            return np.asarray(masks.read(numbers, window=window), np.float32)
        if self.wanted.nodata is None:
            return np.ones(values.shape, np.float32)
        return np.asarray(values != np.asarray(self.wanted.nodata, values.dtype), np.float32)


def look_at_masks(part: MirroredPart) -> Masks:
    """Read a part's masks through."""
    bands = part.wanted.bands
    digests = [hashlib.sha256() for _ in bands]
    fractional: set[str] = set()
    masked: set[str] = set()
    tried = _values_to_try(part.wanted.upload_type)
    taken = {band: np.zeros(tried.shape, bool) for band in bands}
    for _, values, masks in part.blocks():
        for band, digest, data, mask in zip(bands, digests, values, masks, strict=True):
            taken[band] |= np.isin(tried, data[mask > 0])
            digest.update(np.ascontiguousarray(mask).tobytes())
            if not ((mask == 0) | (mask == 1)).all():
                fractional.add(band)
            if (mask < 1).any():
                masked.add(band)
    groups: dict[bytes, list[str]] = {}
    for band, digest in zip(bands, digests, strict=True):
        if band in masked:
            groups.setdefault(digest.digest(), []).append(band)
    free = {
        band: float(tried[~taken[band]][-1])
        for band in masked - fractional
        if not taken[band].all()
    }
    return Masks(tuple(map(tuple, groups.values())), frozenset(fractional), free)


def _values_to_try(kind: str) -> NDArray[Any]:
    """Return values of a type of which one may stand for masked pixels: all, or some odd ones."""
    dtype = np.dtype(kind)
    if dtype.kind == "f":
        return -(2.0 ** np.arange(100, 124)).astype(dtype)
    ends = np.iinfo(dtype)
    if dtype.itemsize <= _SMALL_BYTES:
        return np.arange(ends.min, ends.max + 1).astype(dtype)
    return np.array([*range(ends.max - 1000, ends.max)], dtype)


def prepare(folder: Path, sidecar: Json, wanted: Sequence[PartFiles], work: Path) -> list[Prepared]:
    """Return an image's parts ready to be uploaded; what must be new is written into ``work``.

    folder: the asset's. A manifest may have one mask only, so where bands have several, a value
    that is none of their data stands for their masked pixels, where that says it all.
    https://developers.google.com/earth-engine/guides/image_manifest#mask_bands
    Raises RemoteError INTEGRITY if the mirror's files cannot be read.
    """
    image = MirroredImage(folder, sidecar)
    parts = {one: MirroredPart(image, one) for one in wanted if not one.goes_as_it_is}
    found = {one: look_at_masks(part) for one, part in parts.items()}
    several = sum(len(masks.groups) for masks in found.values()) > 1
    return [
        _prepared(parts[one], found[one], folder, work, several=several)
        if one in parts
        else Prepared(one, one.files)
        for one in wanted
    ]


def _prepared(
    part: MirroredPart, found: Masks, folder: Path, work: Path, *, several: bool
) -> Prepared:
    stem = file_stem(str(folder), part.wanted.key)
    missing = found.free if several else {}
    masks = tuple(
        MaskFile(f"{stem}.mask{number}.tif", bands)
        for number, bands in enumerate(found.beside(missing))
    )
    made = Prepared(part.wanted, (f"{stem}.tif",), masks, missing)
    _write(part, found, made, work)
    return made


def _write(part: MirroredPart, found: Masks, made: Prepared, work: Path) -> None:
    """Write a part's values in their own type, with what stands for masked ones, and its masks."""
    bands = part.wanted.bands
    fill = np.array([made.missing.get(band, 0) for band in bands], part.wanted.upload_type)
    profile = part.profile()
    with ExitStack() as open_files:
        new = new_file(work / made.files[0], len(bands), part.wanted.upload_type, profile)
        values_file = open_files.enter_context(new)
        values_file.descriptions = bands
        written = []
        for made_mask in made.masks:
            kind = "float32" if set(made_mask.bands) & found.fractional else "uint8"
            file = open_files.enter_context(new_file(work / made_mask.file, 1, kind, profile))
            written.append((file, bands.index(made_mask.bands[0])))
        for block, values, masks in part.blocks():
            own = np.where(masks > 0, values, 0).astype(fill.dtype)
            clean = np.where(masks > 0, own, fill[:, None, None])
            values_file.write(clean, window=block)
            for file, number in written:
                mask = masks[number]
                if file.dtypes[0] == "uint8":
                    mask = np.where(mask > 0, _VALID, _MASKED).astype(np.uint8)
                file.write(mask, 1, window=block)


def new_file(path: Path, count: int, dtype: str, profile: dict[str, Any]) -> Any:
    """Return a new GeoTIFF of so many bands, to be written; profile: where its pixels lie."""
    return rasterio.open(
        path,
        "w",
        driver="GTiff",
        count=count,
        dtype=dtype,
        **profile,
        tiled=True,
        blockxsize=BLOCK_PX,
        blockysize=BLOCK_PX,
        compress="DEFLATE",
        bigtiff="IF_SAFER",
    )


def write_rows(geojson: Path, target: Path, columns: Collection[str]) -> None:
    """Write a table's rows as the CSV that is uploaded, in bounded memory."""
    rows = (
        [*map((row.get("properties") or {}).get, columns), row.get("geometry")]
        for row in rows_in(geojson)
    )
    write_quoted(target, [*columns, geometry_column(columns)], (map(text_of, row) for row in rows))
