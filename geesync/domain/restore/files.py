"""Which files an asset is made of again: those of the mirror as they are, or new ones.

The mirror widens a type to make room for the value of masked pixels, and keeps fractional masks in
files of their own. Ingested as they are, widened files would change the asset's type; so they are
written again in the type that the asset had, and masks that no single value can say become files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from geesync.domain.assets.asset import IMAGE, TABLE, Band, SourceAsset
from geesync.domain.json import Json
from geesync.domain.mirror.masks import NONE
from geesync.domain.restore.tables import geojson_in

#: Everything that a restore stages lies below this folder of the bucket, apart from exports.
STAGING = "geesync-restore"

#: What external images point at lies apart from it: it must stay for as long as they do.
KEPT = "geesync-external"


class Form(StrEnum):
    """What images are made as."""

    #: Earth Engine's own copy, by a task.
    INGESTED = "ingested"
    #: A view of files that stay in the bucket: at once, and without a task.
    EXTERNAL = "external"


def stays(form: Form, kind: str) -> bool:
    """Whether the files of an asset of this type stay in the bucket when it is made."""
    return form == Form.EXTERNAL and kind == IMAGE


#: Where a bucket of external images may be, in Cloud Storage's words.
#: https://developers.google.com/earth-engine/Earth_Engine_asset_from_cloud_geotiff
_LOCATIONS = frozenset({"US", "US-CENTRAL1", "NAM4"})


def files_of(source: SourceAsset, sidecar: Json) -> list[Json]:
    """Return the mirror's files that an asset is made of, as its sidecar tells of them."""
    return [
        file
        for part in sidecar.get("parts", ())
        for file in part.get("files", ())
        if source.type != TABLE or file["name"] == geojson_in(sidecar)
    ]


def is_near_enough(locations: frozenset[str]) -> bool:
    """Whether external images are read from a bucket in these places; unknown ones may be."""
    return not locations or bool(_LOCATIONS & locations)


#: How the overviews of a file are computed that are an asset's pyramid, in GDAL's words; Earth
#: Engine's other ways have none.
RESAMPLING = {"MEAN": "AVERAGE", "MODE": "MODE", "SAMPLE": "NEAREST"}


@dataclass(frozen=True)
class PartFiles:
    """Bands of a part of an image as it lies in the mirror, and what is to become of them.

    All bands of a part, but where it holds several types in one that is wide enough for each.
    """

    key: str  #: of its own, among those of the image
    part: str  #: key of the part in the mirror
    bands: tuple[str, ...]
    is_whole: bool  #: these are all bands of the part
    files: tuple[str, ...]
    pixel_type: str  #: numpy's name, of the files in the mirror
    upload_type: str  #: of the files that are uploaded
    nodata: float | None
    mask_key: str | None  #: the part in whose files its masks are
    loses_masks: bool  #: the mirror was made without

    @property
    def goes_as_it_is(self) -> bool:
        """Whether the mirror's own files say everything: their type, and what is masked."""
        same = self.upload_type == self.pixel_type
        says_masks = self.mask_key is None and (self.nodata is not None or self.loses_masks)
        return self.is_whole and same and says_masks


@dataclass(frozen=True)
class MaskFile:
    """One mask, and whose it is; several bands often have the same one."""

    file: str
    bands: tuple[str, ...]


@dataclass(frozen=True)
class Prepared:
    """A part that is ready to be uploaded: names of files, of the mirror's or of new ones."""

    part: PartFiles
    files: tuple[str, ...]
    masks: tuple[MaskFile, ...] = ()
    missing: Mapping[str, float] = field(default_factory=dict)
    """By band: the value that stands for its masked pixels, instead of a mask."""


def part_files(source: SourceAsset, sidecar: Json) -> list[PartFiles]:
    """Return the parts of an image that hold data, in the order of the sidecar."""
    declared = {band.id: band for band in source.bands}
    mask_of = {band["data_part"]: band["mask_part"] for band in sidecar.get("bands", ())}
    return [
        PartFiles(
            key="-".join(filter(None, (part["key"], "" if is_whole else kind))),
            part=part["key"],
            bands=bands,
            is_whole=is_whole,
            files=tuple(file["name"] for file in part["files"]),
            pixel_type=part["pixel_type"],
            upload_type=kind,
            nodata=part["nodata"],
            mask_key=mask_of.get(part["key"]),
            loses_masks=sidecar.get("masks") == NONE,
        )
        for part in sidecar["parts"]
        if part.get("holds") == "data"
        for kind, bands in _by_type(part["bands"], declared).items()
        for is_whole in [len(bands) == len(part["bands"])]
    ]


def _by_type(bands: Iterable[str], declared: Mapping[str, Band]) -> dict[str, tuple[str, ...]]:
    """Return the bands by the types in which they are ingested: a file's may be wider."""
    found: dict[str, tuple[str, ...]] = {}
    for name in bands:
        kind = declared[name].pixel_type
        found[kind] = (*found.get(kind, ()), name)
    return found
