"""A job: a person's function, the collection that it is applied to, and what its results are."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from geesync.domain.assets.asset import DERIVED_BY, IMAGE, IMAGE_COLLECTION, SourceAsset
from geesync.domain.assets.footprint import Box, box_of
from geesync.domain.assets.grid import Grid
from geesync.domain.json import Json, from_millis, write_time
from geesync.errors import UserError

#: By these properties a result is known: whose it is, of what and which revision, and by which
#: function.
MARKS = ("geesync_job", "geesync_source", "geesync_revision", "geesync_expression")

_HASH_LENGTH = 12
_MAX_PIXELS = 10**13

#: Characters of an outline in a listing's address.
_LONGEST_OUTLINE = 4000

#: Public collections lie below this: https://developers.google.com/earth-engine/datasets
PUBLIC = "projects/earthengine-public/assets/"

_LAST_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")


@dataclass(frozen=True)
class Job:
    """What a person wants to be made of a collection's images."""

    name: str
    collection: str  #: canonical
    into: str  #: canonical name of the collection that gets the results
    begin: datetime | None  #: aware; of an image's own start time
    end: datetime | None  #: exclusive
    region: Json | None  #: GeoJSON geometry: images whose footprint touches it
    clip: Json | str | None  #: GeoJSON geometry, or the id of a table: masked outside
    result: str  #: the last name of each result; ``{index}`` is its source's
    grid_of: str  #: the band whose grid results have, or cover; "" is the first band
    pyramiding: str
    place: Callable[[Grid], Grid] = lambda grid: grid  #: where results of a source's grid are

    def wants(self, source: SourceAsset) -> str:
        """Return why an image is left out; nothing if it is not."""
        if source.type != IMAGE:
            return "it is no image"
        time = source.date if "startTime" in source.json else None
        if (self.begin or self.end) and time is None:
            return "it has no time"
        if time and ((self.begin and time < self.begin) or (self.end and time >= self.end)):
            return "it lies outside the dates"
        around = box_of(self.region)
        if around and source.box and not _touch(around, source.box):
            return "it lies outside the region"
        return ""

    @property
    def listed(self) -> str:
        """The filter of a listing of the images that it is for, as far as Earth Engine can tell.

        An outline that is too long for a request is sent as its box.
        """
        limits = [
            f'startTime {sign} "{write_time(moment)}"'
            for sign, moment in ((">=", self.begin), ("<", self.end))
            if moment
        ]
        outline, around = self.region, box_of(self.region)
        if outline and around:
            geometry = json.dumps(outline, separators=(",", ":"))
            if len(geometry) > _LONGEST_OUTLINE:
                geometry = json.dumps(_rectangle(around), separators=(",", ":"))
            limits.append(f"intersects('{geometry}')")
        return " AND ".join(limits)

    def target(self, source: SourceAsset) -> str:
        """Return the canonical name of a result. Raises UserError if it would be none."""
        last = self.result.replace("{index}", source.name.rpartition("/")[2])
        if not _LAST_NAME.fullmatch(last):
            raise UserError(f"{last!r} is no name of an asset", hint="letters, digits, _ and -")
        return f"{self.into}/{last}"

    def grid(self, source: SourceAsset) -> Json:
        """Return the grid of a result. Raises UserError if the source has not the band."""
        for band in source.bands:
            if band.id == self.grid_of or not self.grid_of:
                return self.place(band.grid).to_json()
        raise UserError(f"{source.name} has no band {self.grid_of}", hint='grid = "source:BAND"')


def public_name(given: str) -> str:
    """Return the canonical name of a public collection (``COPERNICUS/S2_HARMONIZED``)."""
    return given if given.startswith(("projects/", "users/")) else PUBLIC + given


def _rectangle(box: Box) -> Json:
    west, south, east, north = box.west, box.south, box.east, box.north
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def _touch(one: Box, other: Box) -> bool:
    north_south = one.south <= other.north and other.south <= one.north
    turns = (-360.0, 0.0, 360.0)
    east_west = any(
        one.west + turn <= other.east and other.west <= one.east + turn for turn in turns
    )
    return north_south and east_west


def expression_hash(made: Json) -> str:
    """Return the digest of what makes a result, expression and grid: 12 hexadecimal digits."""
    text = json.dumps(made, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH_LENGTH]


def marks(job: str, source: SourceAsset, digest: str) -> dict[str, str]:
    """Return the properties that say what a result is."""
    return dict(zip(MARKS, (job, source.name, source.revision, digest), strict=True))


def request(job: Job, source: SourceAsset, expression: Json) -> Json:
    """Return the body of an export into an asset, but for its id and description.

    https://developers.google.com/earth-engine/reference/rest/v1/projects.image/export
    """
    return {
        "expression": expression,
        "grid": job.grid(source),
        "maxPixels": str(_MAX_PIXELS),
        "workloadTag": "geesync",
        "assetExportOptions": {
            "earthEngineDestination": {"name": job.target(source)},
            "pyramidingPolicy": job.pyramiding,
        },
    }


#: A request's body has at most 10 MB: https://developers.google.com/earth-engine/guides/usage
MOST_BODY_BYTES = 10 * 2**20


@dataclass(frozen=True)
class Skipped:
    """An image of which nothing is made, and why."""

    source: str
    why: str


def wanted(job: Job, sources: Iterable[SourceAsset]) -> Iterator[SourceAsset | Skipped]:
    """Yield the images that a job is for, and those that it leaves out."""
    for source in sources:
        why = job.wants(source)
        yield Skipped(source.name, why) if why else source


#: Of ``ee.Image.getInfo()``, where an asset has members of their own.
_TIMES = {"system:time_start": "startTime", "system:time_end": "endTime"}


def collection_of(name: str) -> SourceAsset:
    """Return the description of the collection that a job's results lie in."""
    return SourceAsset({"type": IMAGE_COLLECTION, "name": name, "id": name})


def described(
    name: str, source: SourceAsset, computed: Json, grid: Json, expression: Json
) -> SourceAsset:
    """Return the description of a result that is not made yet.

    computed: what Earth Engine says of the expression's image, marks and all. expression: of its
    pixels.
    """
    computed_properties = dict(computed.get("properties", {}))
    times = {
        member: write_time(from_millis(computed_properties.pop(key)))
        for key, member in _TIMES.items()
        if key in computed_properties
    }
    properties = {
        key: value for key, value in computed_properties.items() if not key.startswith("system:")
    }
    return SourceAsset(
        {
            "type": IMAGE,
            "name": name,
            "id": name,
            "updateTime": source.revision,
            **times,
            **({"geometry": source.json["geometry"]} if "geometry" in source.json else {}),
            "properties": properties,
            "bands": [_band(band, grid) for band in computed["bands"]],
            DERIVED_BY: {"source": source.name, "expression": expression},
        }
    )


def made_of(source: SourceAsset, known: SourceAsset) -> SourceAsset:
    """Return the description of a result that is made of a source as that is now."""
    properties = known.properties | {MARKS[2]: source.revision}
    return SourceAsset(known.json | {"updateTime": source.revision, "properties": properties})


def mark_of(result: SourceAsset) -> tuple[str, str]:
    """Return of which revision and by which expression a result is."""
    return str(result.properties.get(MARKS[2])), str(result.properties.get(MARKS[3]))


def _band(described_band: Json, grid: Json) -> Json:
    """Return a band as an asset has it; a result's bands all have its job's grid."""
    kind: Json = described_band["data_type"]
    data: Json = {"precision": str(kind["precision"]).upper()}
    if "min" in kind and "max" in kind:
        data["range"] = {"min": kind["min"], "max": kind["max"]}
    if kind.get("dimensions"):
        data["dimensionsCount"] = kind["dimensions"]
    return {"id": described_band["id"], "dataType": data, "grid": grid}
