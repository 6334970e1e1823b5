"""What Earth Engine says of an asset, read once and tolerantly.

https://developers.google.com/earth-engine/reference/rest/v1/projects.assets#EarthEngineAsset
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache

from pydantic_core import to_json

from geesync.domain.assets.footprint import Box, box_of, outline
from geesync.domain.assets.grid import Grid
from geesync.domain.json import Json, parse_time

FOLDER = "FOLDER"
IMAGE_COLLECTION = "IMAGE_COLLECTION"
IMAGE = "IMAGE"
TABLE = "TABLE"

#: Our own type, for what Earth Engine describes in a way that nobody can read.
UNREADABLE = "UNREADABLE"

#: The member of our own in the description of what a job makes for the mirror.
DERIVED_BY = "geesync_derived"

CONTAINERS = frozenset({FOLDER, IMAGE_COLLECTION})

#: The integer types that a GeoTIFF export can have, smallest first, with their (least, most).
INTEGER_RANGES = {
    "uint8": (0, 2**8 - 1),
    "int8": (-(2**7), 2**7 - 1),
    "uint16": (0, 2**16 - 1),
    "int16": (-(2**15), 2**15 - 1),
    "uint32": (0, 2**32 - 1),
    "int32": (-(2**31), 2**31 - 1),
}

#: Integers up to this are exact in a 64-bit float.
_FLOAT_HOLDS = 2**53


@dataclass(frozen=True)
class Band:
    """One band of an image."""

    id: str
    precision: str  #: INT, FLOAT (32 bit) or DOUBLE (64 bit)
    value_range: tuple[float, float] | None  #: declared (min, max), inclusive; None for floats
    grid: Grid
    array_dimensions: int = 0  #: ≥ 1: each pixel holds an array

    @classmethod
    def from_json(cls, band: Json) -> Band:
        """Read one member of ``bands``; a missing minimum is zero."""
        kind = band.get("dataType", {})
        declared = kind.get("range")
        return cls(
            id=str(band.get("id", "")),
            precision={"INTEGER": "INT"}.get(kind.get("precision"), kind.get("precision", "")),
            value_range=(float(declared.get("min", 0)), float(declared.get("max", 0)))
            if declared is not None
            else None,
            grid=Grid.from_json(band.get("grid", {})),
            array_dimensions=int(kind.get("dimensionsCount", 0)),
        )

    @property
    def why_no_file(self) -> str:
        """Why no GeoTIFF can hold it, for people; nothing if one can."""
        if self.array_dimensions:
            return "holds arrays, which no GeoTIFF can"
        return "" if self.grid.pixels else "has no extent, which each GeoTIFF must"

    @property
    def pixel_type(self) -> str:
        """The numpy name of the type that an export of this band has.

        The smallest integer type that holds the declared range; wider integers come as float64.
        """
        if self.precision == "FLOAT":
            return "float32"
        if self.precision != "INT" or self.value_range is None:
            return "float64"
        return _smallest_type(self.value_range)

    @property
    def limits(self) -> tuple[float, float] | None:
        """The declared range as pixels of the band's own type can have its ends.

        The 32-bit float next to 0.1 is more than 0.1.
        """
        if self.value_range is None or self.precision != "FLOAT":
            return self.value_range
        low, high = map(_as_float32, self.value_range)
        return low, high

    @property
    def exact_type(self) -> str:
        """The numpy name of the type that holds all of its values; only what is read directly has.

        64-bit integers beyond ±2⁵³ have no other than their own.
        """
        return "int64" if self.may_be_rounded else self.pixel_type

    @property
    def may_be_rounded(self) -> bool:
        """Whether it may hold integers that no export is exact for: beyond ±2⁵³."""
        if self.precision != "INT":
            return False
        return self.value_range is None or max(map(abs, self.value_range)) > _FLOAT_HOLDS


@lru_cache(maxsize=256)  # a collection's images are of few types
def _smallest_type(value_range: tuple[float, float]) -> str:
    low, high = value_range
    fitting = (
        name for name, (least, most) in INTEGER_RANGES.items() if least <= low and high <= most
    )
    return next(fitting, "float64")


def _as_float32(value: float) -> float:
    try:
        return float(struct.unpack("<f", struct.pack("<f", value))[0])
    except OverflowError:  # beyond all 32-bit floats
        return math.copysign(math.inf, value)


@dataclass(frozen=True)
class SourceAsset:
    """An asset as Earth Engine lists it; ``json`` is the answer, verbatim, and never changes."""

    json: Json

    @cached_property
    def written(self) -> bytes:
        """The answer as JSON in UTF-8. Raises ValueError where no text can hold it."""
        return to_json(self.json)  # five times as quick as json

    @cached_property
    def name(self) -> str:
        """The canonical name, the only key that geesync stores."""
        return str(self.json.get("name", ""))

    @cached_property
    def type(self) -> str:
        """IMAGE, TABLE, FOLDER, … or whatever the service invents next."""
        return str(self.json.get("type", "TYPE_UNSPECIFIED"))

    @cached_property
    def revision(self) -> str:
        """``updateTime``, which moves when pixels or metadata do.

        Folders mostly have none: then a digest of all that is said, but for the quota's counters.
        """
        if "updateTime" in self.json:
            return str(self.json["updateTime"])
        document = {key: value for key, value in self.json.items() if key != "quota"}
        return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def date(self) -> datetime | None:
        """When what it shows began (``startTime``), else its last change; aware, UTC."""
        for key in ("startTime", "updateTime"):
            if moment := parse_time(self.json.get(key)):
                return moment
        return None

    @property
    def size_bytes(self) -> int:
        """What it counts against the quota; zero where Earth Engine does not say."""
        return int(self.json.get("sizeBytes", 0))

    @property
    def feature_count(self) -> int | None:
        """Rows of a table; None where Earth Engine does not say, of old tables or of empty ones."""
        count = self.json.get("featureCount")
        return None if count is None else int(count)

    @property
    def properties(self) -> Json:
        """The asset's own properties, by key."""
        properties: Json = self.json.get("properties", {})
        return properties

    @property
    def derived(self) -> Json | None:
        """Of what a job makes for the mirror: its source and its expression; else None."""
        found: Json | None = self.json.get(DERIVED_BY)
        return found

    @property
    def image(self) -> str:
        """What its pixels are asked for by: its name, or the expression of a job, as JSON."""
        return json.dumps(self.derived["expression"]) if self.derived else self.name

    @property
    def external_files(self) -> tuple[str, ...]:
        """The Cloud Storage objects that an external image is only a view of, with generations.

        They are its owner's own; geesync reads the image through Earth Engine and leaves them be.
        """
        places = [
            *(
                place
                for tileset in self.json.get("tilesets", ())
                for place in tileset.get("sources", ())
            ),
            self.json.get("cloudStorageLocation", {}),  # the older way to say it
        ]
        return tuple(uri for place in places for uri in place.get("uris", ()))

    @property
    def outline(self) -> Json | None:
        """Its outline as a plain GeoJSON geometry; None where there is none, or it has no end."""
        return outline(self.json.get("geometry"), self.properties.get("system:footprint"))

    @cached_property
    def box(self) -> Box | None:
        """The box of its outline."""
        return box_of(self.outline)

    @cached_property
    def bands(self) -> tuple[Band, ...]:
        """The bands in their original order."""
        return tuple(Band.from_json(band) for band in self.json.get("bands", ()))

    @property
    def is_container(self) -> bool:
        """Whether other assets lie in it."""
        return self.type in CONTAINERS
