"""What to ask of Earth Engine for one asset: its parts, one export each.

One GeoTIFF holds one grid and one pixel type, so bands are grouped by both; each group is a part.
https://developers.google.com/earth-engine/guides/exporting_images and
https://developers.google.com/earth-engine/reference/rest/v1/projects.image/export
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any

from geesync.domain.assets import IMAGE, TABLE, Band, Json, SourceAsset
from geesync.domain.grid import Grid
from geesync.domain.names import display_id

#: Earth Engine's own guard against accidents; we always know the exact number of pixels.
_MAX_PIXELS = 10**13

#: A file's edge that Earth Engine can write and GDAL can read in comfort, when it must be cut.
_WHOLE_TILES = 256

_DESCRIPTION = re.compile(r"[^A-Za-z0-9_-]+")
_DESCRIPTION_LENGTH = 90


@dataclass(frozen=True)
class Part:
    """One export of an asset: what one operation writes, in one file or in tiles."""

    key: str  #: "" for the only part; else tells it from its siblings, e.g. "grid2-uint16"
    extension: str  #: "tif", "csv", "geojson"
    bands: tuple[str, ...] = ()  #: ids, in the asset's order
    grid: Grid | None = None  #: images only
    pixel_type: str = ""  #: numpy name; images only
    tile_edge: int | None = None  #: pixels, a multiple of 256; None leaves the cut to Earth Engine

    def to_json(self) -> Json:
        """Return what the ledger keeps."""
        return {
            "key": self.key,
            "extension": self.extension,
            "bands": list(self.bands),
            "grid": self.grid and self.grid.to_json(),
            "pixel_type": self.pixel_type,
            "tile_edge": self.tile_edge,
        }

    @classmethod
    def from_json(cls, kept: Json) -> Part:
        """Read what the ledger kept."""
        grid = kept["grid"]
        return cls(
            key=kept["key"],
            extension=kept["extension"],
            bands=tuple(kept["bands"]),
            grid=Grid.from_json(grid) if grid else None,
            pixel_type=kept["pixel_type"],
            tile_edge=kept["tile_edge"],
        )


@dataclass(frozen=True)
class Plan:
    """How an asset is taken home."""

    parts: tuple[Part, ...]
    left: tuple[str, ...] = ()  #: what cannot be taken as files, each with its reason


def plan(source: SourceAsset) -> Plan:
    """Return the parts of an asset; containers and what has no file form have none."""
    if source.type == TABLE:
        return Plan((Part(key="", extension="csv"), Part(key="", extension="geojson")))
    if source.type == IMAGE:
        return _plan_image(source.bands)
    if source.is_container:
        return Plan(())
    return Plan((), (f"{source.type} has no export to files; kept as metadata",))


def _plan_image(bands: Iterable[Band]) -> Plan:
    groups: dict[tuple[Grid, str], list[str]] = {}
    left = []
    for band in bands:
        if band.array_dimensions:
            left.append(f"band {band.id} holds arrays, which no GeoTIFF can")
        else:
            groups.setdefault((band.grid, band.pixel_type), []).append(band.id)
    keys = _part_keys(tuple(groups))
    parts = tuple(
        Part(key=keys[group], extension="tif", bands=tuple(ids), grid=group[0], pixel_type=group[1])
        for group, ids in groups.items()
    )
    return Plan(parts, tuple(left))


def _part_keys(groups: tuple[tuple[Grid, str], ...]) -> dict[tuple[Grid, str], str]:
    """Name the groups by what tells them apart: grids are numbered as they first come."""
    numbers: dict[Grid, int] = {}
    counter = count(1)
    for grid, _ in groups:
        if grid not in numbers:
            numbers[grid] = next(counter)
    types = {pixel_type for _, pixel_type in groups}
    return {
        (grid, pixel_type): "-".join(
            ([f"grid{numbers[grid]}"] if len(numbers) > 1 else [])
            + ([pixel_type] if len(types) > 1 else [])
        )
        for grid, pixel_type in groups
    }


@dataclass(frozen=True)
class Ask:
    """One request for an export; the same ask always has the same token, id and body.

    The token is derived, not drawn: a ledger that forgot it can compute it again. It is in the
    description and in the objects' names, so that the operation and its files are known as ours.
    """

    asset: str  #: canonical name
    revision: str
    part: Part
    attempt: int  #: counts the asks for this part, from 1
    ledger: str  #: the ledger's own id: two mirrors of one account must not meet

    @property
    def token(self) -> str:
        """16 characters of a-z and 2-7, unique to this ask."""
        told = (
            self.ledger,
            self.asset,
            self.revision,
            self.part.key,
            self.part.extension,
            self.attempt,
        )
        digest = hashlib.sha256(json.dumps(told).encode()).digest()
        return base64.b32encode(digest)[:16].decode().lower()

    @property
    def request_id(self) -> str:
        """Earth Engine's idempotency key: at most 60 characters of a-z, A-Z, 0-9 and ``-``."""
        return f"geesync-{self.token}"

    @property
    def description(self) -> str:
        """What people see in the task list; begins with what we look for."""
        tail = _DESCRIPTION.sub("-", display_id(self.asset))
        room = _DESCRIPTION_LENGTH - len(self.token) - len("geesync__")
        return f"geesync_{self.token}_{tail[-room:]}"


_TOKEN = re.compile(r"geesync_([a-z2-7]{16})(?:_|$)")


def token_in(description: str) -> str | None:
    """Return the token that an operation's description carries, or None if it is not ours."""
    found = _TOKEN.match(description)
    return found[1] if found else None


def request_body(ask: Ask, *, bucket: str, prefix: str, priority: int | None = None) -> Json:
    """Return the body of ``image:export`` or ``table:export``; the same ask gives the same body.

    prefix: the objects' names without tile numbers and extension.
    """
    destination = {"bucket": bucket, "filenamePrefix": prefix}
    body: Json = {
        "description": ask.description,
        "requestId": ask.request_id,
        "workloadTag": "geesync",
    }
    if priority is not None:
        body["priority"] = priority
    if ask.part.grid is None:
        return body | _table_body(ask, destination)
    return body | _image_body(ask, ask.part.grid, destination)


def _image_body(ask: Ask, grid: Grid, destination: Json) -> Json:
    options: Json = {}
    if ask.part.tile_edge:
        options["tileDimensions"] = {"width": ask.part.tile_edge, "height": ask.part.tile_edge}
    load = _call("Image.load", id=ask.asset)
    return {
        "expression": _expression(
            _call("Image.select", input=load, bandSelectors=list(ask.part.bands))
        ),
        "maxPixels": str(_MAX_PIXELS),
        "grid": grid.to_json(),
        "fileExportOptions": {
            "fileFormat": "GEO_TIFF",
            "cloudStorageDestination": destination,
            "geoTiffOptions": options,
        },
    }


_TABLE_FORMATS = {"csv": "CSV", "geojson": "GEO_JSON"}


def _table_body(ask: Ask, destination: Json) -> Json:
    return {
        "expression": _expression(_call("Collection.loadTable", tableId=ask.asset)),
        "fileExportOptions": {
            "fileFormat": _TABLE_FORMATS[ask.part.extension],
            "cloudStorageDestination": destination,
        },
    }


def _call(function: str, **arguments: Any) -> Json:
    """Return the ValueNode of a call; plain values become constants, nodes stay."""
    nodes = {
        name: value if isinstance(value, dict) else {"constantValue": value}
        for name, value in arguments.items()
    }
    return {"functionInvocationValue": {"functionName": function, "arguments": nodes}}


def _expression(node: Json) -> Json:
    return {"result": "0", "values": {"0": node}}


def body_hash(body: Json) -> str:
    """Return the digest that tells whether two requests are byte for byte the same."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
