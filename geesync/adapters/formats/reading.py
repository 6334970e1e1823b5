"""Reads a mirrored image back, values and masks, by its sidecar: what a restore begins with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.transform import rowcol

from geesync.adapters.formats.gdal import told_files_only
from geesync.domain.json import Json
from geesync.domain.mirror.layout import GEESYNC_JSON


@dataclass(frozen=True)
class ReadBand:
    """What the mirror holds of a band; both arrays are (height, width) of its grid."""

    values: NDArray[Any]
    mask: NDArray[np.float32]  #: 0 = masked … 1 = valid
    fractional: bool  #: whether fractions of the mask were kept, or only masked and not


def read_image(folder: Path) -> dict[str, ReadBand]:
    """Return the bands of a mirrored image by id, in the asset's order, whole in memory.

    folder: the image's. Raises OSError, KeyError or ValueError if it is not a mirrored image.
    """
    sidecar: Json = json.loads((folder / GEESYNC_JSON).read_text())
    parts = {part["key"]: part for part in sidecar["parts"]}
    with told_files_only():
        return {band["id"]: _band(folder, parts, band) for band in sidecar["bands"]}


def _band(folder: Path, parts: dict[str, Json], band: Json) -> ReadBand:
    values, valid = _pixels(folder, parts[band["data_part"]], band["id"])
    if band["mask_part"] is None:
        return ReadBand(values, valid.astype(np.float32), fractional=False)
    mask, _ = _pixels(folder, parts[band["mask_part"]], band["id"])
    return ReadBand(values, mask, fractional=True)


def _pixels(folder: Path, part: Json, band: str) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return (values, whether rasterio takes each for valid) of a band, from all tiles."""
    size = part["grid"]["dimensions"]
    shape = size["height"], size["width"]
    values, valid = np.zeros(shape, part["pixel_type"]), np.zeros(shape, bool)
    filled = np.zeros(shape, int)
    affine = part["grid"]["affineTransform"]
    names = ("scaleX", "shearX", "translateX", "shearY", "scaleY", "translateY")
    whole = Affine(*(affine[name] for name in names))
    for file in part["files"]:
        with rasterio.open(folder / file["name"]) as dataset:
            corner = dataset.transform.c, dataset.transform.f
            row, column = map(int, rowcol(whole, *corner, op=np.rint))
            place = (slice(row, row + dataset.height), slice(column, column + dataset.width))
            index = dataset.descriptions.index(band) + 1
            values[place] = dataset.read(index)
            valid[place] = dataset.read_masks(index) > 0
            filled[place] += 1
    if not (filled == 1).all():
        raise ValueError(f"the files in {folder} do not hold every pixel of {band} once")
    return values, valid
