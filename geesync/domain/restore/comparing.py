"""Whether an asset that was made again is what it was: field by field, as Earth Engine says it.

Four verdicts: *equal*; *equivalent*, where the difference is none of values or masks and cannot be
avoided (a declared range, the outline of a grid); *lost*, as was said before; *different*, which is
never called proved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Self

from geesync.domain.assets.asset import IMAGE, TABLE, Band, SourceAsset
from geesync.domain.json import Json
from geesync.domain.restore.losses import LossKind, odd_properties
from geesync.domain.restore.manifests import MARK


class Likeness(StrEnum):
    """How alike two sides are."""

    EQUAL = "equal"
    EQUIVALENT = "equivalent"
    LOST = "lost"
    DIFFERENT = "different"


_TYPE = "type"


@dataclass(frozen=True)
class Compared:
    """One thing that was compared."""

    what: str  #: "startTime", "band B4: grid", …
    likeness: Likeness
    was: str = ""  #: in the mirror, where they differ
    is_now: str = ""  #: at Earth Engine

    @classmethod
    def of(cls, what: str, was: str, is_now: str, *, same: bool) -> Self:
        """Return what was compared of two sides that must be the same."""
        return cls(what, Likeness.EQUAL if same else Likeness.DIFFERENT, was, is_now)

    def to_json(self) -> Json:
        """Return it for the report."""
        sides = {"was": self.was, "is": self.is_now} if self.likeness != Likeness.EQUAL else {}
        return {"what": self.what, "likeness": self.likeness, **sides}


#: Whether two texts of a CRS, codes or WKT, mean the same one.
SameCrs = Callable[[str, str], bool]


def compare_metadata(
    mirrored: SourceAsset, made: SourceAsset, accepted: frozenset[LossKind], same_crs: SameCrs
) -> list[Compared]:
    """Return what was compared of an asset's description.

    accepted: losses that were named before, which make a difference an equivalence.
    """
    return [
        _pair(_TYPE, mirrored.type, made.type),
        *(
            _pair(key, _moment(mirrored, key), _moment(made, key))
            for key in ("startTime", "endTime")
        ),
        *_properties(mirrored, made),
        *(_outline(mirrored, made) if mirrored.type == IMAGE else ()),
        *(_bands(mirrored, made, accepted, same_crs) if mirrored.type == IMAGE else ()),
        *(_rows(mirrored, made) if mirrored.type == TABLE else ()),
    ]


def differences(compared: list[Compared]) -> list[Compared]:
    """Return what must not be as it is."""
    return [comparison for comparison in compared if comparison.likeness == Likeness.DIFFERENT]


def leniently(compared: list[Compared]) -> list[Compared]:
    """Return what was compared of what is not ours: it may be otherwise, but of the same type."""
    return [
        replace(comparison, likeness=Likeness.EQUIVALENT)
        if comparison.likeness == Likeness.DIFFERENT and comparison.what != _TYPE
        else comparison
        for comparison in compared
    ]


def _pair(what: str, was: Any, is_now: Any, *, may_differ: bool = False) -> Compared:
    if was == is_now:
        return Compared(what, Likeness.EQUAL)
    likeness = Likeness.EQUIVALENT if may_differ else Likeness.DIFFERENT
    return Compared(what, likeness, str(was), str(is_now))


def _moment(asset: SourceAsset, key: str) -> str | None:
    """Return a time without the zeros that a service may write at its end."""
    text = asset.json.get(key)
    if not isinstance(text, str):
        return None
    whole, dot, fraction = text.removesuffix("Z").partition(".")
    return f"{whole}{dot}{fraction}".rstrip("0") if dot and fraction.strip("0") else whole


def _properties(mirrored: SourceAsset, made: SourceAsset) -> Iterator[Compared]:
    wanted, found = (
        {key: value for key, value in side.properties.items() if not _is_own(key)}
        for side in (mirrored, made)
    )
    odd = odd_properties(wanted)
    for key in sorted(wanted.keys() | found.keys()):
        if key in odd and key not in found:
            yield Compared(f"property {key}", Likeness.LOST, str(wanted[key]), odd[key])
        else:
            yield _pair(f"property {key}", wanted.get(key), found.get(key))


def _outline(mirrored: SourceAsset, made: SourceAsset) -> Iterator[Compared]:
    """Compare where they lie, to a millionth of a degree: rings may begin at another corner."""
    was, is_now = (
        side.box and tuple(round(degrees, 6) for degrees in side.box.bbox)
        for side in (mirrored, made)
    )
    yield _pair("footprint", was, is_now, may_differ=True)


def _is_own(key: str) -> bool:
    return key.startswith("system:") or key == MARK


def _bands(
    mirrored: SourceAsset, made: SourceAsset, accepted: frozenset[LossKind], same_crs: SameCrs
) -> Iterator[Compared]:
    was = [band for band in mirrored.bands if not band.why_no_file]
    yield _pair("bands", [band.id for band in was], [band.id for band in made.bands])
    band_of = {band.get("id"): band for band in mirrored.json.get("bands", ())}
    now = {band.get("id"): band for band in made.json.get("bands", ())}
    by_id = {band.id: band for band in made.bands}
    for band in was:
        if (other := by_id.get(band.id)) is not None:
            yield from _band(band, other, accepted, same_crs)
            yield _pair(
                f"band {band.id}: pyramiding",
                band_of[band.id].get("pyramidingPolicy", "MEAN"),
                now[band.id].get("pyramidingPolicy", "MEAN"),
            )


def _band(
    was: Band, is_now: Band, accepted: frozenset[LossKind], same_crs: SameCrs
) -> Iterator[Compared]:
    grid, grid_now = was.grid, is_now.grid
    same = (grid.width, grid.height) == (grid_now.width, grid_now.height) and grid.same_place(
        grid_now.transform
    )
    same = same and (grid.crs == grid_now.crs or same_crs(grid.crs, grid_now.crs))
    yield Compared.of(f"band {was.id}: grid", str(grid), str(grid_now), same=same)
    lost = was.may_be_rounded and LossKind.INT64 in accepted
    yield _pair(f"band {was.id}: type", was.pixel_type, is_now.pixel_type, may_differ=lost)
    yield _pair(f"band {was.id}: range", was.value_range, is_now.value_range, may_differ=True)


def _rows(mirrored: SourceAsset, made: SourceAsset) -> Iterator[Compared]:
    counts = mirrored.feature_count, made.feature_count
    if None not in counts:  # neither an empty table nor an old one tells it
        yield _pair("rows", *counts)
