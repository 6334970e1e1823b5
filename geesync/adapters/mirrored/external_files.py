"""The files that external images point at: cloud-optimised, written to Earth Engine's rules.

https://developers.google.com/earth-engine/Earth_Engine_asset_from_cloud_geotiff
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil

from geesync.adapters.formats.gdal import without_notes
from geesync.adapters.mirrored.mirrored_pixels import MirroredImage
from geesync.adapters.mirrored.upload_files import BLOCK_PX, MirroredPart, look_at_masks, new_file
from geesync.domain.json import Json
from geesync.domain.mirror.layout import file_stem
from geesync.domain.restore.files import RESAMPLING, PartFiles, Prepared


def prepare_external(
    folder: Path, sidecar: Json, wanted: PartFiles, policies: Mapping[str, str], work: Path
) -> list[Prepared]:
    """Return a part as the files that external images want; all are written into ``work``.

    Cloud-optimised, a file for all bands that share a mask and a pyramiding policy (by band): a
    file has one mask, and its overviews are the asset's pyramid. Raises RemoteError INTEGRITY.
    """
    part = MirroredPart(MirroredImage(folder, sidecar), wanted)
    found = look_at_masks(part)
    mask_of = {band: group for group, bands in enumerate(found.groups) for band in bands}
    together: dict[tuple[int | None, str], list[str]] = {}
    for band in wanted.bands:
        resampling = RESAMPLING.get(policies[band], RESAMPLING["MEAN"])
        together.setdefault((mask_of.get(band), resampling), []).append(band)
    prepared = []
    for number, ((mask, resampling), bands) in enumerate(together.items()):
        file = work / f"{file_stem(str(folder), wanted.key)}.cog{number}.tif"
        _write_cog(part, file, bands, masked=mask is not None, resampling=resampling)
        key = f"{wanted.key or 'data'}-{number}"
        prepared.append(Prepared(replace(wanted, key=key, bands=tuple(bands)), (file.name,)))
    return prepared


def _write_cog(
    part: MirroredPart, target: Path, bands: list[str], *, masked: bool, resampling: str
) -> None:
    """Write bands that share a mask as one file, with an internal mask."""
    numbers = [part.wanted.bands.index(band) for band in bands]
    passing = target.with_suffix(".passing.tif")
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        new = new_file(passing, len(bands), part.wanted.upload_type, part.profile())
        with new as file:
            file.descriptions = tuple(bands)
            for window, values, masks in part.blocks():
                valid = masks[numbers] > 0
                clean = np.where(valid, values[numbers], 0).astype(part.wanted.upload_type)
                file.write(clean, window=window)
                if masked:
                    file.write_mask(valid[0], window=window)
        with without_notes():
            rasterio.shutil.copy(
                passing,
                target,
                driver="COG",
                blocksize=BLOCK_PX,
                compress="ZSTD",
                bigtiff="IF_SAFER",
                overview_resampling=resampling,
            )
    passing.unlink()
