"""What ``geesync.json`` says beside the files: how the copy was made, and how to read it back.

Together with the verbatim ``asset.json`` it is enough to restore the asset, and to know without the
ledger which files belong to which revision.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
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
class TakenPart:
    """One part as it came home."""

    part: Part
    files: Mapping[str, StoredObject]  #: by its name on disk, the object whose bytes a file has
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
    parts = sorted(taken, key=lambda taken_part: (taken_part.part.key, taken_part.part.extension))
    document: Json = {
        "geesync": __version__,
        "asset": source.name,
        "type": source.type,
        "revision": source.revision,
        "left_out": list(plan.left),
        "parts": [_part(taken_part) for taken_part in parts],
        "made": [_kept(file.name, file) for file in made],
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


def _kept(name: str, file: KeptFile | StoredObject) -> Json:
    return {"name": name, "size_bytes": file.size_bytes, "crc32c": f"{file.crc32c:08x}"}


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
    return document | {"files": [_file(name, obj) for name, obj in taken.files.items()]}


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


def _file(name: str, obj: StoredObject) -> Json:
    document = _kept(name, obj)
    return document | ({"object": obj.name, "generation": obj.generation} if obj.generation else {})


def _band(declared: dict[str, Any], plan: Plan) -> Json:
    """Return where a band is, and how its type and masks are held; in the asset's order."""
    band = Band.from_json(declared)
    held = hold(band, plan.masks, exact=plan.way == Way.DIRECT)
    holding = [part for part in plan.parts if band.id in part.bands]
    part = next((part for part in holding if not part.of_masks), None)
    mask_part = next((part for part in holding if part.of_masks), None)
    return {
        "id": band.id,
        "declared": declared.get("dataType", {}),
        "exported": part.pixel_type if part else held.pixel_type,
        "nodata": part.sentinel if part else held.sentinel,
        "masks": held.why,
        "data_part": part.key if part else None,
        "mask_part": mask_part.key if mask_part else None,
    }
