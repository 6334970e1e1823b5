"""Pixels of an image in the mirror, by part, band and tile, as its files have them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.errors import CRSError

from geesync.adapters.formats.gdal import reading, window
from geesync.domain.json import Json
from geesync.domain.mirror.coverage import Tile, tiles
from geesync.domain.mirror.layout import GEESYNC_JSON, file_stem
from geesync.domain.mirror.vrt import Placed, vrt
from geesync.domain.tasks.exports import Part, Way
from geesync.errors import Cause, RemoteError


class MirroredImage:
    """An image in the mirror; its sidecar tells which files hold what."""

    def __init__(self, folder: Path, sidecar: Json) -> None:
        self._folder = folder
        self._by_key = {part["key"]: part for part in sidecar["parts"] if part.get("grid")}
        self.bands: list[Json] = sidecar["bands"]  #: in the asset's order: id and parts
        self.parts = [part_of(one) for one in self._by_key.values()]

    def bands_of(self, key: str) -> list[str]:
        """Return the bands of a part, in the order of its files."""
        return list(self._by_key[key]["bands"])

    @contextmanager
    def opened(self, key: str) -> Iterator[Any]:
        """Open the files of a part as one raster. Raises RemoteError INTEGRITY."""
        part = part_of(self._by_key[key])
        stem = file_stem(str(self._folder), key)
        placed = tiles(part, stem, (file["name"] for file in self._by_key[key]["files"]))
        if placed is None:
            raise RemoteError(Cause.INTEGRITY, f"the files of {stem} are not all there")
        files = vrt(Placed(part, placed), where=self._folder.joinpath).decode()
        with reading(stem), rasterio.open(files) as raster:
            yield raster

    def read(self, part: Part, band: str, tile: Tile) -> NDArray[Any]:
        """Return (height, width) of a band's raw values. Raises RemoteError INTEGRITY."""
        with self.opened(part.key) as raster:
            values: NDArray[Any] = raster.read(part.bands.index(band) + 1, window=window(tile))
            return values


@dataclass(frozen=True)
class ReadBand:
    """What the mirror holds of a band; both arrays are (height, width) of its grid."""

    values: NDArray[Any]
    mask: NDArray[np.float32]  #: 0 = masked … 1 = valid
    fractional: bool  #: whether fractions of the mask were kept, or only masked and not


def read_image(folder: Path) -> dict[str, ReadBand]:
    """Return the bands of a mirrored image by id, in the asset's order, whole in memory.

    Those that no file can hold are left out. folder: the image's. Raises OSError, KeyError,
    ValueError or RemoteError if it is not one.
    """
    image = MirroredImage(folder, json.loads((folder / GEESYNC_JSON).read_bytes()))
    read = {part.key: _bands(image, part) for part in image.parts}
    found = {}
    for band in image.bands:
        if band["data_part"] is not None:
            values, valid = read[band["data_part"]][band["id"]]
            kept = band["mask_part"] is not None
            mask = read[band["mask_part"]][band["id"]][0] if kept else valid.astype(np.float32)
            found[band["id"]] = ReadBand(values, mask, fractional=kept)
    return found


def _bands(image: MirroredImage, part: Part) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
    """Return values and where they are valid, by band; opened once, as bands share blocks."""
    with image.opened(part.key) as raster:
        return {
            name: (raster.read(number), raster.read_masks(number) > 0)
            for number, name in enumerate(part.bands, 1)
        }


def part_of(document: Json) -> Part:
    """Return a part of an image as its sidecar tells it."""
    known = {key: document[key] for key in ("key", "extension", "bands", "grid", "pixel_type")}
    return Part.from_json(
        {
            **known,
            "sentinel": document["nodata"],
            "of_masks": document["holds"] == "masks",
            "columns": [],
            "tile_edge": document["tile_edge"],
            "way": document.get("way", Way.BUCKET),
        }
    )


def same_crs(one: str, other: str) -> bool:
    """Whether two texts, codes or WKT, mean the same CRS; not known is not the same."""
    try:
        return bool(CRS.from_user_input(one) == CRS.from_user_input(other))
    except CRSError:
        return False
