"""Digests of a mirrored image's pixels, read block by block. Imports rasterio."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geesync.adapters.mirrored.mirrored_pixels import MirroredImage
from geesync.adapters.mirrored.upload_files import MirroredPart
from geesync.domain.assets.asset import SourceAsset
from geesync.domain.direct.digests import ACROSS, DOWN, HALF, PRIME, BandDigest, Sums
from geesync.domain.json import Json
from geesync.domain.restore.files import PartFiles, part_files


def band_digests(wanted: PartFiles, *, whole_masks: bool) -> list[BandDigest]:
    """Return which digests the bands of a part have. whole_masks: fractions are not kept."""
    has_fractions = wanted.mask_key is not None and not whole_masks
    return [BandDigest(band, wanted.upload_type, has_fractions) for band in wanted.bands]


def sums_of(folder: Path, sidecar: Json, wanted: PartFiles, *, whole_masks: bool) -> list[Sums]:
    """Return the digest of each band of a part. Raises RemoteError INTEGRITY."""
    bands = band_digests(wanted, whole_masks=whole_masks)
    part = MirroredPart(MirroredImage(folder, sidecar), wanted)
    sums: list[Sums] = [{} for _ in bands]
    for window, values, masks in part.blocks():
        rows, columns = np.mgrid[: window.height, : window.width]
        rank = (columns + window.col_off) * ACROSS + (rows + window.row_off) * DOWN
        weight = rank % PRIME + 1
        for band, value, mask, totals in zip(bands, values, masks, sums, strict=True):
            for name, term in _terms(band, value, mask).items():
                totals[name] = totals.get(name, 0) + (term * weight).sum().item()
    return [{name: float(total) for name, total in totals.items()} for totals in sums]


def _terms(
    band: BandDigest, values: NDArray[Any], mask: NDArray[np.float32]
) -> dict[str, NDArray[Any]]:
    valid = mask > 0
    terms: dict[str, NDArray[Any]] = {"valid": valid.astype(np.int64)}
    if band.has_fractions:
        terms["mask"] = mask.astype(np.float64)
    clean = np.where(valid, values, 0).astype(band.pixel_type)
    if band.lowest is None:
        value = clean.astype(np.float64)
        return {**terms, "value": value, "size": np.abs(value)}
    from_zero = clean.astype(np.int64) - band.lowest
    return {**terms, "high": from_zero // HALF, "low": from_zero % HALF}


def hashes_of(
    folder: Path, source: SourceAsset, sidecar: Json, types: Mapping[str, str], *, whole_masks: bool
) -> dict[str, str]:
    """Return a hash of each band's values and masks, whatever form its files have.

    types: numpy's names of those that values are compared in, by band. whole_masks: what is not
    wholly masked is valid.
    """
    image = MirroredImage(folder, sidecar)
    hashes: dict[str, str] = {}
    for wanted in part_files(source, sidecar):
        digests = [hashlib.sha256() for _ in wanted.bands]
        for _, values, masks in MirroredPart(image, wanted).blocks():
            for band, digest, value, mask in zip(wanted.bands, digests, values, masks, strict=True):
                kept = (mask > 0).astype(np.float32) if whole_masks else mask
                digest.update(np.where(mask > 0, value, 0).astype(types[band]).tobytes())
                digest.update(np.ascontiguousarray(kept).tobytes())
        hashes |= {band: one.hexdigest() for band, one in zip(wanted.bands, digests, strict=True)}
    return hashes
