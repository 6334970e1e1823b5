"""What ``geesync.json`` says beside the files: how the copy was made, and how to read it back.

Together with the verbatim ``asset.json`` it is enough to restore the asset, and to know without the
ledger which files belong to which revision.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from geesync import __version__
from geesync.domain.assets.asset import Band, SourceAsset
from geesync.domain.json import Json
from geesync.domain.mirror.checking import KeptFile
from geesync.domain.mirror.coverage import StoredObject
from geesync.domain.mirror.masks import hold
from geesync.domain.mirror.plan import Plan
from geesync.domain.tasks.exports import Part, Way


@dataclass(frozen=True)
class TakenFile:
    """A file on disk, and the object whose bytes it has."""

    name: str  #: in the asset's folder
    obj: StoredObject


@dataclass(frozen=True)
class TakenPart:
    """One part as it came home."""

    part: Part
    files: tuple[TakenFile, ...]
    attempt: int = 0
    operation: str = ""  #: id
    bucket: str = ""
    request: Json | None = None  #: the body that asked for it; None if another version did
    requests: int = 0  #: answers that it was read in, if it was read directly
    read_again: int = 0  #: tiles that were read a second time and compared
    checksums: Collection[str] = ("CRC32C",)  #: of its objects, as ``StoredObject.checksum``
    fractional: Sequence[str] | None = None  #: bands whose masks lost fractions; None: not known
    adopted: Sequence[str] = ()  #: files that others exported, of which its pixels are


def sidecar(
    source: SourceAsset,
    plan: Plan,
    taken: Iterable[TakenPart],
    made: Iterable[KeptFile] = (),
    table: Json | None = None,
) -> Json:
    """Return the sidecar of a verified asset; table: what its rows were found to hold."""
    parts = sorted(taken, key=lambda one: (one.part.key, one.part.extension))
    document: Json = {
        "geesync": __version__,
        "asset": source.name,
        "type": source.type,
        "revision": source.revision,
        "left_out": list(plan.left),
        "parts": [_part(one) for one in parts],
        "made": [
            {"name": one.name, "size_bytes": one.size_bytes, "crc32c": crc32c_text(one.crc32c)}
            for one in made
        ],
    }
    if table is not None:
        document["table"] = table
    if plan.masks:
        document["masks"] = plan.masks
        document["bands"] = [_band(declared, plan) for declared in source.json.get("bands", ())]
        seen, unknown = plan.flattened
        document["fractional_masks_count_as_valid"] = seen
        document["fractional_masks_may_count_as_valid"] = unknown
    return document


def crc32c_text(crc32c: int) -> str:
    """Return a CRC32C as eight hexadecimal digits."""
    return f"{crc32c:08x}"


def _part(taken: TakenPart) -> Json:
    part = taken.part
    document: Json = {"key": part.key, "extension": part.extension}
    if part.grid is not None:
        document |= {
            "bands": list(part.bands),
            "holds": "masks" if part.of_masks else "data",
            "pixel_type": part.pixel_type,
            "nodata": part.sentinel,
            "grid": part.grid.to_json(),
            "tile_edge": part.tile_edge,
        }
    document |= {"way": part.way, "vouched_by": vouched_by(taken)}
    if part.way == Way.DIRECT:
        document |= {"requests": taken.requests, "read_again": taken.read_again}
        document |= {"adopted": list(taken.adopted)} if taken.adopted else {}
        document |= {} if taken.fractional is None else {"fractional": list(taken.fractional)}
    else:
        document |= {
            "operation": taken.operation,
            "attempt": taken.attempt,
            "bucket": taken.bucket,
            "request": taken.request,
        }
    return document | {"files": [_file(one) for one in taken.files]}


_BY_SIZE = (
    "the size of every object, and that each can be read and is what Earth Engine describes:"
    " the bucket tells no checksum"
)


def vouched_by(taken: TakenPart) -> str:
    """Return what says that the bytes of a part are Earth Engine's, for people."""
    part, tiles = taken.part, f"{taken.read_again:,} tiles read"
    proof = " or ".join(sorted(taken.checksums))
    if part.way == Way.BUCKET:
        return f"the bucket's {proof} of every object" if all(taken.checksums) else _BY_SIZE
    if part.way == Way.DRIVE:
        return f"Drive's {proof} of every file"
    if taken.adopted:
        return f"{tiles} from Earth Engine and found equal to files that others exported"
    proof = "length and layout of every answer, the same updateTime before and after"
    if part.grid is None:
        return f"{proof}, and the count of the features"
    again = f", and {tiles} a second time" if taken.read_again else ""
    return f"{proof}, what is on disk equal to it{again}"


def _file(taken: TakenFile) -> Json:
    obj = taken.obj
    document = {
        "name": taken.name,
        "size_bytes": obj.size_bytes,
        "crc32c": crc32c_text(obj.crc32c),
    }
    return document | ({"object": obj.name, "generation": obj.generation} if obj.generation else {})


def _band(declared: dict[str, Any], plan: Plan) -> Json:
    """Return where a band is, and how its type and masks are held; in the asset's order."""
    band = Band.from_json(declared)
    held = hold(band, plan.masks, exact=plan.way == Way.DIRECT)
    part = next((one for one in plan.parts if band.id in one.bands and not one.of_masks), None)
    return {
        "id": band.id,
        "declared": declared.get("dataType", {}),
        "exported": part.pixel_type if part else held.pixel_type,
        "nodata": part.sentinel if part else held.sentinel,
        "masks": held.why,
        "data_part": _key_of(band.id, plan, of_masks=False),
        "mask_part": _key_of(band.id, plan, of_masks=True),
    }


def _key_of(band: str, plan: Plan, *, of_masks: bool) -> str | None:
    keys = (part.key for part in plan.parts if part.of_masks == of_masks and band in part.bands)
    return next(keys, None)
