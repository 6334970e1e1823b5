"""When in time an asset lies, and what the images of a collection cover together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from geesync.domain.assets.asset import SourceAsset
from geesync.domain.assets.footprint import Bbox
from geesync.domain.json import Json, from_millis, parse_time, write_time

_EDGE = 180.0


def time_span(source: SourceAsset) -> tuple[datetime | None, datetime | None]:
    """Return when it begins and ends (exclusive), as Earth Engine says; aware, UTC."""
    return _time(source, "start"), _time(source, "end")


def _time(source: SourceAsset, which: str) -> datetime | None:
    text = source.json.get(f"{which}Time")
    if text is not None:
        return parse_time(text)
    time_ms = source.properties.get(f"system:time_{which}")
    if not isinstance(time_ms, int | float) or not math.isfinite(time_ms):
        return None
    try:
        return from_millis(time_ms)
    except OverflowError:
        return None


@dataclass(frozen=True)
class Extent:
    """What images of a collection cover together; None is not known, or without end."""

    box: Bbox | None = None  #: degrees; never across 180°, but around the Earth instead
    begin: datetime | None = None  #: aware, UTC
    end: datetime | None = None

    @classmethod
    def of(cls, source: SourceAsset) -> Extent:
        """Return what one asset covers."""
        bounds = source.box.bbox if source.box else None
        if bounds and bounds[0] > bounds[2]:
            bounds = (-_EDGE, bounds[1], _EDGE, bounds[3])
        begin, end = time_span(source)
        return cls(bounds, begin or end, end or begin)

    @classmethod
    def from_json(cls, kept: Json) -> Extent:
        """Read what the ledger kept."""
        box = tuple(kept["box"]) if kept["box"] else None
        return cls(box, parse_time(kept["begin"]), parse_time(kept["end"]))

    def to_json(self) -> Json:
        """Return what the ledger keeps."""
        begin, end = (time and write_time(time) for time in (self.begin, self.end))
        return {"box": self.box, "begin": begin, "end": end}

    def united(self, other: Extent) -> Extent:
        """Return what both cover; an extent only ever grows."""
        return Extent(
            _around(self.box, other.box),
            min(filter(None, (self.begin, other.begin)), default=None),
            max(filter(None, (self.end, other.end)), default=None),
        )


def _around(one: Bbox | None, other: Bbox | None) -> Bbox | None:
    if one is None or other is None:
        return one or other
    return (
        min(one[0], other[0]),
        min(one[1], other[1]),
        max(one[2], other[2]),
        max(one[3], other[3]),
    )
