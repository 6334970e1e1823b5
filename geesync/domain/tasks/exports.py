"""How to ask Earth Engine for one part of an asset, so that the answer can be found again.

https://developers.google.com/earth-engine/guides/exporting_images and
https://developers.google.com/earth-engine/reference/rest/v1/projects.image/export
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

from geesync.domain.assets.grid import Grid
from geesync.domain.assets.names import display_id
from geesync.domain.json import Json
from geesync.domain.tasks.expressions import call, cast, expression, loaded
from geesync.domain.tasks.lifecycle import DRIVE

#: Earth Engine's own guard against accidents; we always know the exact number of pixels.
_MAX_PIXELS = 10**13

_DESCRIPTION = re.compile(r"[^A-Za-z0-9_-]+")
_DESCRIPTION_LENGTH = 90


Form = tuple[str, str, int | None]


class Way(StrEnum):
    """How the bytes of a part come home."""

    DIRECT = "direct"  #: read from Earth Engine at once; no task, no bucket
    BUCKET = "bucket"  #: by an export task into Cloud Storage
    DRIVE = "drive"  #: by an export task into a user's Drive


@dataclass(frozen=True)
class Part:
    """One export of an asset: what one operation writes, in one file or in tiles."""

    key: str  #: "" for the only part; else distinguishes it from its siblings, e.g. "grid2-uint16"
    extension: str  #: "tif", "csv", "geojson"
    bands: tuple[str, ...] = ()  #: ids, in the asset's order
    grid: Grid | None = None  #: images only
    pixel_type: str = ""  #: numpy name of the exported type; images only
    #: What masked pixels become; None if they cannot be distinguished from data.
    sentinel: float | None = None
    of_masks: bool = False  #: its pixels are the masks of the bands, 0 to 1
    columns: tuple[str, ...] = ()  #: tables only; none leaves them to Earth Engine
    tile_edge: int | None = None  #: pixels, a multiple of 256; None leaves the cut to Earth Engine
    way: Way = Way.BUCKET

    @property
    def id(self) -> str:
        """What identifies it among the parts of its plan."""
        return f"{self.key}.{self.extension}"

    @property
    def form(self) -> Form:
        """What identifies it among the parts of this and of other plans."""
        return self.key, self.extension, self.tile_edge

    def to_json(self) -> Json:
        """Return what the ledger keeps."""
        return {
            "key": self.key,
            "extension": self.extension,
            "bands": list(self.bands),
            "grid": self.grid and self.grid.to_json(),
            "pixel_type": self.pixel_type,
            "sentinel": self.sentinel,
            "of_masks": self.of_masks,
            "columns": list(self.columns),
            "tile_edge": self.tile_edge,
            "way": self.way,
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
            sentinel=kept["sentinel"],
            of_masks=kept["of_masks"],
            columns=tuple(kept["columns"]),
            tile_edge=kept["tile_edge"],
            way=Way(kept.get("way", Way.BUCKET)),
        )


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
    image: str = ""  #: an expression as JSON text, in place of the asset's own pixels

    @cached_property
    def token(self) -> str:
        """16 characters of a-z and 2-7, unique to this ask."""
        part = self.part.key, self.part.extension
        return token_of([self.ledger, self.asset, self.revision, *part, self.attempt])

    @property
    def request_id(self) -> str:
        """Earth Engine's idempotency key: at most 60 characters of a-z, A-Z, 0-9 and ``-``."""
        return f"geesync-{self.token}"

    @property
    def description(self) -> str:
        """What people see in the task list."""
        return described_as(self.token, self.asset)


def described_as(token: str, asset: str) -> str:
    """Return a task's description: it begins with what we look for, and names the asset."""
    tail = _DESCRIPTION.sub("-", display_id(asset))
    room = _DESCRIPTION_LENGTH - len(token) - len("geesync__")
    return f"geesync_{token}_{tail[-room:]}"


def token_of(description: object) -> str:
    """Return 16 characters of a-z and 2-7 that are derived from a description's JSON."""
    digest = hashlib.sha256(json.dumps(description).encode()).digest()
    return base64.b32encode(digest)[:16].decode().lower()


_TOKEN = re.compile(r"geesync_([a-z2-7]{16})(?:_|$)")


def token_in(description: str) -> str | None:
    """Return the token that an operation's description carries, or None if it is not ours."""
    found = _TOKEN.match(description)
    return found[1] if found else None


def drive_name(name: str) -> str:
    """Return what an object is called in Drive, which has no folders that can be relied on.

    ``geesync/TOKEN/img.key.tif`` → ``geesync_TOKEN_img-key.tif``; prefixes likewise.
    https://developers.google.com/earth-engine/apidocs/export-image-todrive
    """
    stem, extension = _EXTENSION.fullmatch(name).groups()  # type: ignore[union-attr] # fits all
    return _NOT_IN_DRIVE.sub("-", stem.replace("/", "_")) + (extension or "")


_EXTENSION = re.compile(r"(.*?)(\.(?:tif|csv|geojson))?", re.DOTALL)
_NOT_IN_DRIVE = re.compile(r"[^A-Za-z0-9_-]")


def _destination(part: Part, bucket: str, prefix: str) -> Json:
    if part.way == Way.DRIVE:
        target = {"folder": bucket.removeprefix(DRIVE), "filenamePrefix": drive_name(prefix)}
        return {"driveDestination": target}
    return {"cloudStorageDestination": {"bucket": bucket, "filenamePrefix": prefix}}


def request_body(ask: Ask, *, bucket: str, prefix: str) -> Json:
    """Return the body of ``image:export`` or ``table:export``; the same ask gives the same body.

    bucket: or ``drive:FOLDER``. prefix: the objects' names without tile numbers and
    extension.
    """
    destination = _destination(ask.part, bucket, prefix)
    body: Json = {
        "description": ask.description,
        "requestId": ask.request_id,
        "workloadTag": "geesync",
    }
    if ask.part.grid is None:
        return body | _table_body(ask, destination)
    return body | _image_body(ask, ask.part.grid, destination)


def _image_body(ask: Ask, grid: Grid, destination: Json) -> Json:
    options: Json = {}
    if ask.part.tile_edge:
        options["tileDimensions"] = {"width": ask.part.tile_edge, "height": ask.part.tile_edge}
    if ask.part.sentinel is not None:
        options["noData"] = {"floatValue": ask.part.sentinel}
    return {
        "expression": expression(*_pixels(ask)),
        "maxPixels": str(_MAX_PIXELS),
        "grid": grid.to_json(),
        "fileExportOptions": {"fileFormat": "GEO_TIFF", **destination, "geoTiffOptions": options},
    }


def _pixels(ask: Ask) -> tuple[Json, Json]:
    """Return the image whose pixels are the part's, and what it refers to; no pixel is masked.

    Both sides of the unmasking are cast: else the type of the result would be Earth Engine's
    choice. Without a sentinel masked pixels are zero, as an export makes them by itself, which
    refuses though to export an image that is masked everywhere.
    """
    part = ask.part
    load, values = loaded(ask.image or ask.asset)
    image = call("Image.select", input=load, bandSelectors=list(part.bands))
    if part.of_masks:
        return cast(part.pixel_type, call("Image.mask", image=image)), values
    fill = cast(part.pixel_type, part.sentinel or 0)
    return call("Image.unmask", input=cast(part.pixel_type, image), value=fill), values


_TABLE_FORMATS = {"csv": "CSV", "geojson": "GEO_JSON"}


def _table_body(ask: Ask, destination: Json) -> Json:
    selectors = {"selectors": list(ask.part.columns)} if ask.part.columns else {}
    return selectors | {
        "expression": expression(call("Collection.loadTable", tableId=ask.asset)),
        "fileExportOptions": {"fileFormat": _TABLE_FORMATS[ask.part.extension], **destination},
    }


def body_hash(body: Json) -> str:
    """Return the digest that tells whether two requests are byte for byte the same."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
