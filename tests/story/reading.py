"""Reads a mirrored image back from its files, as somebody would who restores it."""

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

Json = dict[str, Any]


@dataclass(frozen=True)
class ReadBand:
    """What the mirror holds of a band; both arrays have the shape of its grid."""

    values: NDArray[Any]
    mask: NDArray[np.float32]  #: 0 = masked … 1 = valid


def read_image(folder: Path) -> dict[str, ReadBand]:
    """Return the bands of a mirrored image by id, in the asset's order."""
    sidecar: Json = json.loads((folder / "geesync.json").read_text())
    parts = {part["key"]: part for part in sidecar["parts"]}
    return {band["id"]: _band(folder, parts, band) for band in sidecar["bands"]}


def _band(folder: Path, parts: dict[str, Json], band: Json) -> ReadBand:
    values, valid = _pixels(folder, parts[band["data_part"]], band["id"])
    if band["mask_part"] is None:
        return ReadBand(values, valid.astype(np.float32))
    mask, _ = _pixels(folder, parts[band["mask_part"]], band["id"])
    return ReadBand(values, mask)


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
    assert (filled == 1).all(), "every pixel is in one file"
    return values, valid
