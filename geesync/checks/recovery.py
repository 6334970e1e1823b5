"""What a mirror's sidecars tell of the copies beside them, believed only as far as it fits.

Nothing here is proof: the verifier reads every file through before the ledger calls it verified.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from geesync.adapters.mirror_files.disk import Folder
from geesync.adapters.mirror_files.folders import folder
from geesync.domain.assets.asset import IMAGE, TABLE, SourceAsset
from geesync.domain.assets.names import is_within
from geesync.domain.choices.options import Options
from geesync.domain.json import Json
from geesync.domain.mirror.coverage import StoredObject, own_objects
from geesync.domain.mirror.layout import ASSET_JSON, GEESYNC_JSON, asset_path, file_stem
from geesync.domain.mirror.masks import MODES
from geesync.domain.mirror.plan import Lessons
from geesync.domain.mirror.planning import cut_before, options_hash, plan
from geesync.domain.tasks.exports import Part, Way
from geesync.errors import RemoteError, UserError
from geesync.store.copies.recovery import Copy, Recovery
from geesync.store.file.database import Database
from geesync.store.ledger.roots import Root

#: Copies in one transaction, and in memory.
_BATCH = 200

#: A sidecar that is larger was not written by geesync; it must not fill the memory.
_LONGEST_BYTES = 64 * 2**20

#: What SQLite holds as an integer.
_LARGEST = 2**63 - 1


def recover(
    database: Database,
    root: Root,
    options: Options,
    clock: Callable[[], datetime],
    progress: Callable[[int], object] = lambda _: None,
) -> int:
    """Take a root's copies into a new ledger; progress: called with how many there are so far.

    Returns how many. Copies of which the sidecars tell nothing that fits together are left out.
    """
    count = 0
    copies = _copies(root, options.over(root.options))
    while batch := list(islice(copies, _BATCH)):
        count += Recovery(database).restore(root, batch, clock())
        progress(count)
    return count


def _copies(root: Root, options: Options) -> Iterator[Copy]:
    mirror = Path(root.dest)
    for path in asset_folders(mirror, asset_path(root.name)):
        try:
            with folder(mirror, path, create=False) as place:
                copy = _copy(place, path, options)
        except (RemoteError, FileNotFoundError):
            continue  # a link, or something else that is no asset's folder
        if copy and is_within(copy.source.name, root.name):
            yield copy


def asset_folders(mirror: Path, path: str) -> Iterator[str]:
    """Yield a folder and all below it, containers first; never through a link."""
    yield path
    try:
        with os.scandir(mirror / path) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
                    yield from asset_folders(mirror, f"{path}/{entry.name}")
    except (FileNotFoundError, NotADirectoryError):
        return


def _copy(place: Folder, path: str, options: Options) -> Copy | None:
    """Return what the sidecars tell, if it all fits together; None if any of it does not."""
    try:
        source, sidecar = SourceAsset(_read(place, ASSET_JSON)), _read(place, GEESYNC_JSON)
        mine = (sidecar["asset"], sidecar["type"], sidecar["revision"])
        if mine != (source.name, source.type, source.revision) or asset_path(source.name) != path:
            return None
        _ = source.box
        _number(source.size_bytes)
        then = _options_then(source, options, sidecar)
        way = Way(sidecar["parts"][0].get("way", Way.BUCKET)) if sidecar["parts"] else Way.BUCKET
        for disproved in ((), plan(source, then, way=way).parts[:1]):
            with suppress(LookupError, ValueError):
                return _planned(place, path, source, sidecar, then, disproved=disproved, way=way)
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
        pass  # somebody else's, edited, or of files that are not there
    return None


def _planned(
    place: Folder,
    path: str,
    source: SourceAsset,
    sidecar: Json,
    then: Options,
    *,
    disproved: tuple[Part, ...],
    way: Way,
) -> Copy:
    """Return a copy that came under these options, after parts were disproved, or none was.

    Raises LookupError or ValueError if it did not.
    """
    forms = [(one["key"], one["extension"], one.get("tile_edge")) for one in sidecar["parts"]]
    too_much = cut_before(source, then, forms, way=way, disproved=disproved)
    if too_much is None:
        raise ValueError(forms)
    made = plan(source, then, Lessons(too_much, disproved), way=way)
    objects, origins = {}, {}
    for one in sidecar["parts"]:
        part = made.part(f"{one['key']}.{one['extension']}")
        objects[part.id] = _objects(place, part, path, one)
        origins[part.id] = _origin(one, way)
    return Copy(source, path, replace(made, origins=origins), options_hash(then), objects)


def _options_then(source: SourceAsset, options: Options, sidecar: Json) -> Options:
    """Return the options under which a copy was made; raises ValueError for what is none."""
    chosen: Json = {}
    if source.type == IMAGE and sidecar["masks"] in MODES:
        chosen["masks"] = sidecar["masks"]
    if source.type == TABLE:
        formats = {one["extension"] for one in sidecar["parts"]}
        chosen["tables"] = [name for name in ("csv", "geojson") if name in formats]
    try:
        return options.over(chosen)
    except UserError as error:
        raise ValueError(str(error)) from error


def _origin(document: Json, way: Way) -> Json:
    """Return what a sidecar tells of how a part came, for the next sidecar."""
    if way == Way.DIRECT:
        counts: Json = {key: _number(document[key]) for key in ("requests", "read_again")}
        return counts | {
            key: list(map(str, document[key]))
            for key in ("adopted", "fractional")
            if key in document
        }
    return {
        "operation": str(document["operation"]),
        "attempt": _number(document["attempt"]),
        "bucket": str(document["bucket"]),
        "request": dict(document["request"]) if document["request"] else None,
    }


def _read(place: Folder, name: str) -> Json:
    """Return a sidecar; raises ValueError for what is none."""
    if not 0 < (place.size_of(name) or 0) <= _LONGEST_BYTES:
        raise ValueError(name)
    document = json.loads(place.read(name))
    if not isinstance(document, dict):
        raise TypeError(name)
    json.dumps(document, ensure_ascii=False).encode()  # halves of characters, which SQLite refuses
    return document


def _objects(place: Folder, part: Part, path: str, document: Json) -> tuple[StoredObject, ...]:
    """Return the objects of a part that is on disk; raises ValueError if it is not the planned."""
    if part.grid is not None:
        planned = (list(part.bands), part.pixel_type, part.sentinel, part.grid.to_json())
        if planned != (
            document["bands"],
            document["pixel_type"],
            document["nodata"],
            document["grid"],
        ):
            raise ValueError(part.key)
    objects = tuple(_object(place, one) for one in document["files"])
    stem = file_stem(path, part.key)
    prefix = objects[0].name.removesuffix(objects[0].file_name) + stem
    if own_objects(prefix, part, set(objects)) != sorted(objects, key=lambda one: one.name):
        raise ValueError(prefix)
    return objects


def _object(place: Folder, document: Json) -> StoredObject:
    """Return an object whose file is there; its name on disk is the object's own.

    What was read directly is called like its file.
    """
    found = StoredObject(
        document.get("object") or document["name"],
        _number(document.get("generation", 0)),
        _number(document["size_bytes"]),
        int(document["crc32c"], 16) & 0xFFFFFFFF,
    )
    if document["name"] != found.file_name or place.size_of(found.file_name) != found.size_bytes:
        raise ValueError(document["name"])
    return found


def _number(value: Any) -> int:
    number = int(value)
    if not 0 <= number <= _LARGEST:
        raise ValueError(number)
    return number
