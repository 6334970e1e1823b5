"""Older copies of an asset, beside the present one: ``.versions/REVISION/`` in its folder.

No asset's folder can be called so, since a component made of an asset's name never holds a dot.
"""

from __future__ import annotations

from collections.abc import Collection

from geesync.adapters.mirror_files.disk import Folder
from geesync.domain.json import Json
from geesync.domain.mirror.layout import FREED_JSON, GEESYNC_JSON, SIDECARS, VERSIONS, version_name

#: What moves with the files; by the last of them an unfinished move is known.
_SIDECARS = sorted((FREED_JSON, *SIDECARS), key=GEESYNC_JSON.__eq__)


def set_aside(
    place: Folder, revision: str, *, names: Collection[str], there: Collection[str], keep: int
) -> None:
    """Make room for the proved copy of a revision: keep what an older one left, or remove it.

    names: files of the new copy. there: those of them that have their final names already, since
    the old copy's bytes are the same. keep: how many older copies stay; what was freed stays in any
    case. Safe to repeat: the old sidecar, by which the old files are known, goes last.
    """
    old = place.document(GEESYNC_JSON)
    if old is None:
        return
    files = [name for name in _files(old) if name not in there]
    is_freed, was = _is_freed(place), version_name(str(old.get("revision")))
    is_same = old.get("revision") == revision
    if is_same or not (keep or is_freed or was in kept_versions(place)):
        for name in set(files).difference(names):
            place.remove(name)
        if is_freed and is_same:
            place.keep(FREED_JSON)
        return
    with place.inner(VERSIONS) as versions:
        with versions.inner(was) as aside:
            for name in there:
                place.link(name, aside)
            for name in (*files, *_SIDECARS):
                place.move(name, aside)
            aside.sync()
        _prune(versions, keep)
        versions.sync()


def kept_versions(place: Folder) -> list[str]:
    """Return the names of the folders of an asset's older copies."""
    if VERSIONS not in place.names():
        return []
    with place.inner(VERSIONS) as versions:
        return sorted(versions.names())


def _is_freed(place: Folder) -> bool:
    return place.size_of(FREED_JSON) is not None


def _files(sidecar: Json) -> list[str]:
    """Return the files that a sidecar names; one that was tampered with names no path."""
    listed = [file for part in sidecar.get("parts", ()) for file in part["files"]]
    names = [str(file.get("name")) for file in (*listed, *sidecar.get("made", ()))]
    return [name for name in names if "/" not in name and name not in {".", ".."}]


def _prune(versions: Folder, keep: int) -> None:
    by_age = sorted(versions.names(), key=versions.modified_ns, reverse=True)
    for name in by_age[keep:]:
        with versions.inner(name) as old:
            if _is_freed(old):
                continue
            sidecar = old.document(GEESYNC_JSON)
            for file in (*(_files(sidecar) if sidecar else ()), *_SIDECARS):
                old.remove(file)  # nothing else: it is not ours
        versions.remove_folder(name)
