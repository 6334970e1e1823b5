"""What of an asset cannot come back, and why: listed asset by asset before the first byte moves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from geesync.domain.assets.asset import IMAGE, INTEGER_RANGES, TABLE, Band, SourceAsset
from geesync.domain.json import Json
from geesync.domain.mirror.masks import NONE
from geesync.domain.restore.files import RESAMPLING, Form
from geesync.domain.restore.policies import grants_of
from geesync.domain.restore.tables import become_texts, geojson_in, goes_as_features


class LossKind(StrEnum):
    """What is lost; a person accepts kinds, not assets."""

    #: It has no form as a file, so nothing of it but its metadata is in the mirror.
    NOT_MIRRORED = "not-mirrored"
    #: It has a name that no asset may be given now.
    NAMES = "names"
    #: 64-bit integers become 64-bit floats: no ingestion has their type.
    INT64 = "int64"
    #: The mirror was made without masks, or without their fractions: more is valid, or all.
    MASKS = "masks"
    #: Bands of arrays, which no file holds.
    ARRAYS = "arrays"
    #: A property that no manifest takes, and that could not be given later, either.
    PROPERTIES = "properties"
    #: A band's declared range comes back as its whole type.
    RANGES = "ranges"
    #: Rows get new ``system:index``es, and empty texts and missing values become one.
    ROWS = "rows"
    #: An external image has masks of 0 and 1 only, a manifest may have one mask only, and of an
    #: export with a no-data value nobody saw whether its masks had any.
    FRACTIONS = "fractions"
    #: Overviews of files cannot be made by the band's pyramiding policy.
    PYRAMIDS = "pyramids"
    #: Its outline is the whole grid, where it had several rings.
    FOOTPRINT = "footprint"
    #: Members of its policy are no more, or the mirror has no policy of it.
    POLICIES = "policies"


#: What a restore cannot keep of anything, so that it says nothing about one asset.
ALWAYS = (
    "versions and updateTime, the size that Earth Engine counts, pyramids as they were computed,"
    " and the history of tasks"
)

#: Losses that leave values and masks what they were; they need no word of acceptance.
HARMLESS = frozenset({LossKind.RANGES, LossKind.FOOTPRINT})


@dataclass(frozen=True)
class Loss:
    """Something that does not come back."""

    kind: LossKind
    what: str  #: for people: of which band or property, and why

    def to_json(self) -> Json:
        """Return it for a ledger, or for a machine."""
        return {"kind": self.kind, "what": self.what}


#: https://developers.google.com/earth-engine/guides/image_manifest: what a key may be.
_KEY = re.compile(r"[A-Za-z0-9_]{1,110}")
_LONGEST_TEXT_BYTES = 1024


def losses(source: SourceAsset, sidecar: Json, form: Form = Form.INGESTED) -> list[Loss]:
    """Return what of an asset cannot come back.

    sidecar: its ``geesync.json``. form: of images.
    """
    of_form = _external if form == Form.EXTERNAL else _ingested
    odd = odd_properties(source.properties).items()
    properties = (Loss(LossKind.PROPERTIES, f"{key}: {why}") for key, why in odd)
    return [*_contents(source, sidecar), *of_form(source, sidecar), *properties]


def unseen_losses(sidecar: Json) -> Iterator[Loss]:
    """Yield what the mirror may lack unseen; only the original shows it."""
    if unseen := sidecar.get("fractional_masks_may_count_as_valid"):
        what = "if their masks have fractions, an export did not keep them"
        yield Loss(LossKind.FRACTIONS, f"{', '.join(unseen)}: {what}")


def policy_losses(policy: Json | None) -> Iterator[Loss]:
    """Yield who of a mirrored policy is no more; policy: None if the mirror has none."""
    if policy is None:
        yield Loss(LossKind.POLICIES, "who may do what is not in the mirror")
    for grant in grants_of(policy or {}):
        if grant.is_deleted:
            yield Loss(LossKind.POLICIES, f"{grant} is no more")


def _ingested(_: SourceAsset, sidecar: Json) -> Iterator[Loss]:
    """Yield that masks in files of their own may be several; no sidecar tells whether they are."""
    apart = [band["id"] for band in sidecar.get("bands", ()) if band.get("mask_part") is not None]
    if len(apart) > 1:
        what = "if several of their masks have fractions, Earth Engine may refuse the image"
        yield Loss(LossKind.FRACTIONS, f"{', '.join(apart)}: {what}")


def _external(source: SourceAsset, sidecar: Json) -> Iterator[Loss]:
    policies = {
        band.get("id"): band.get("pyramidingPolicy") for band in source.json.get("bands", ())
    }
    for band in sidecar.get("bands", ()) if source.type == IMAGE else ():
        if band.get("mask_part"):
            yield Loss(LossKind.FRACTIONS, f"{band['id']}: what is masked in part becomes valid")
        policy = policies.get(band["id"]) or "MEAN"
        if policy not in RESAMPLING:
            yield Loss(LossKind.PYRAMIDS, f"{band['id']}: overviews by MEAN, not by {policy}")


def why_not_restorable(source: SourceAsset, sidecar: Json) -> str:
    """Return why there is nothing that it can be made of again; "" if there is."""
    is_table, parts = source.type == TABLE, sidecar.get("parts")
    if source.is_container or (geojson_in(sidecar) if is_table else parts):
        return ""
    held = "rows as CSV" if is_table and parts else "metadata"
    return f"{source.type}: only its {held} is in the mirror"


def restorable_properties(properties: Json) -> Json:
    """Return the properties that a manifest takes; ``system:`` ones are Earth Engine's own."""
    return {key: value for key, value in properties.items() if not _refused(key, value)}


def odd_properties(properties: Json) -> dict[str, str]:
    """Return why no manifest takes some properties, by their keys; but for Earth Engine's own."""
    return {
        key: why
        for key, value in properties.items()
        if not key.startswith("system:") and (why := _refused(key, value))
    }


def _refused(key: str, value: Any) -> str:
    """Return why a property is not taken; nothing if it is."""
    if not _KEY.fullmatch(key):
        return "keys are up to 110 letters, digits and underscores"
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return "values are texts and numbers"
    if isinstance(value, str) and len(value.encode("utf-8", "replace")) > _LONGEST_TEXT_BYTES:
        return f"texts have at most {_LONGEST_TEXT_BYTES:,} bytes"
    return ""


def _contents(source: SourceAsset, sidecar: Json) -> Iterator[Loss]:
    if why := why_not_restorable(source, sidecar):
        yield Loss(LossKind.NOT_MIRRORED, why)
    elif source.type == IMAGE:
        kept = {band["id"]: band for band in sidecar.get("bands", ())}
        for band in source.bands:
            yield from _band(band, kept.get(band.id))
        outline = source.outline
        if outline and (outline["type"] != "Polygon" or len(outline["coordinates"]) > 1):
            yield Loss(LossKind.FOOTPRINT, "its outline has several rings, of which none is kept")
        if sidecar.get("masks") == NONE:
            yield Loss(LossKind.MASKS, 'the mirror was made with masks = "none"')
        if flattened := sidecar.get("fractional_masks_count_as_valid"):
            yield Loss(LossKind.MASKS, f"{', '.join(flattened)}: valid where masked in part")
    elif source.type == TABLE and not goes_as_features(source, sidecar):
        what = "rows get new system:index; empty texts become missing values"
        texts = ", ".join(sorted(become_texts(sidecar.get("table", {}).get("columns", {}))))
        yield Loss(LossKind.ROWS, f"{what}; all values of {texts} become texts" if texts else what)


def _band(band: Band, kept: Json | None) -> Iterator[Loss]:
    if kept is None or kept.get("data_part") is None:
        what = "an array" if band.array_dimensions else "not in the mirror"
        yield Loss(LossKind.ARRAYS, f"{band.id}: {what}")
    elif band.may_be_rounded:
        yield Loss(LossKind.INT64, f"{band.id}: 64-bit integers come back as 64-bit floats")
    elif band.precision == "INT" and band.value_range not in INTEGER_RANGES.values():
        low, high = band.value_range or (0, 0)
        yield Loss(LossKind.RANGES, f"{band.id}: {low:,.0f} to {high:,.0f} is not declared again")
