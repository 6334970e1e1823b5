"""What stands beside an asset's proved files, and how these get their names.

A new copy overwrites only what is geesync's: what we wrote, by the ledger or a sidecar.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from pydantic_core import to_json

from geesync.adapters.mirror_files.disk import Folder
from geesync.adapters.mirror_files.landing import unproved
from geesync.adapters.mirror_files.versions import kept_versions, set_aside
from geesync.domain.json import Json
from geesync.domain.mirror.checking import KeptFile
from geesync.domain.mirror.layout import ASSET_JSON, GEESYNC_JSON, IAM_JSON, is_unfinished
from geesync.domain.mirror.sidecar import TakenPart, sidecar
from geesync.domain.stac import links as stac_links
from geesync.steps.mirror.derived_files import make
from geesync.steps.mirror.unproved_copy import UnprovedCopy, name_now
from geesync.steps.tasks.planner import Planner
from geesync.store.copies.staging import Staged

#: What policies hold that we write, or why we may not know them; many are empty.
#: https://developers.google.com/earth-engine/reference/rest/Shared.Types/Policy
_OF_POLICIES = frozenset({"bindings", "etag", "version", "auditConfigs", "not_readable"})


@dataclass(frozen=True)
class CopyWriter:
    """Writes the files that describe copies; nothing bears its final name before ``give_names``."""

    planner: Planner

    def write(self, place: Folder, copy: UnprovedCopy) -> None:
        """Write all that is to stand beside an asset's files, these being what they must be.

        Raises RemoteError if they are not, or if something foreign would be overwritten.
        """
        table = copy.table(place)
        _claim(place, copy.asset.name, copy.known, copy.staged)
        self._set_older_aside(place, copy)
        _remove_strange(place, copy)
        copy.versions = kept_versions(place) if copy.was_proved else []
        taken = [
            replace(self._taken(files), checksums=copy.checksums) for files in copy.parts().values()
        ]
        made = make(place, copy, taken, self.planner.chosen(copy.asset), table)
        _draft(place, ASSET_JSON, copy.source.json)
        _draft(place, GEESYNC_JSON, sidecar(copy.source, copy.plan, taken, made, table))
        assert not isinstance(copy.policy, Exception)  # it did not begin with one
        _draft_policy(place, copy.policy)

    def _set_older_aside(self, place: Folder, copy: UnprovedCopy) -> None:
        set_aside(
            place,
            copy.source.revision,
            names={file.file for file in copy.staged},
            there={file.file for file in copy.staged if name_now(place, file) == file.file},
            keep=self.planner.chosen(copy.asset).keep_versions,
        )

    def _taken(self, files: list[Staged]) -> TakenPart:
        """Return how a part was taken, for the sidecar; files: all of the part."""
        first = files[0]
        taken = {file.file: file.obj for file in files}
        if first.task is None:
            return TakenPart(part=first.part, files=taken, **first.origin)
        return TakenPart(
            part=first.part,
            attempt=first.task.attempt,
            operation=first.task.operation or "",
            bucket=first.task.destination.place,
            request=self.planner.request(first.task),
            files=taken,
        )


def give_names(copy: UnprovedCopy, place: Folder) -> None:
    """Give proved files their names, beside the documents that have theirs."""
    for file in copy.staged:
        name = unproved(file.file, file.token)
        if place.size_of(name) is not None:
            place.claim(KeptFile(file.file, file.obj.size_bytes, file.obj.crc32c))
            place.rename(name, file.file)
    # What exports that were given up left on their way; all that counts has its name.
    for name in filter(is_unfinished, place.names() if copy.staged else ()):
        place.remove(name)


def _remove_strange(place: Folder, copy: UnprovedCopy) -> None:
    """Remove what we wrote into the catalogue for an asset of another type of this name."""
    strange = stac_links.strange_documents(copy.source.type, (kept.name for kept in copy.known))
    for kept in copy.known:
        if kept.name in strange and place.size_of(kept.name) == kept.size_bytes:
            place.remove(kept.name)


def _draft(place: Folder, name: str, document: Json) -> None:
    place.draft(name, to_json(document, indent=2, inf_nan_mode="constants"))


def _draft_policy(place: Folder, policy: Json | str | None) -> None:
    if isinstance(policy, str) and place.size_of(IAM_JSON) is not None:
        place.keep(IAM_JSON)  # what could be read once is worth more
    elif policy is not None:
        _draft(place, IAM_JSON, {"not_readable": policy} if isinstance(policy, str) else policy)


def _claim(place: Folder, asset: str, noted: Iterable[KeptFile], staged: Iterable[Staged]) -> None:
    """Make sure that a new copy overwrites nothing foreign, now or while the folder is open.

    noted: what the ledger knows to have put there, ever. Raises RemoteError FOREIGN before anything
    is moved.
    """
    place.known = {*noted, *_files_in_sidecars(place, asset)}
    for file in staged:
        place.claim(KeptFile(file.file, file.obj.size_bytes, file.obj.crc32c))


def _files_in_sidecars(place: Folder, asset: str) -> Iterator[KeptFile]:
    """Yield what the sidecars list: a new ledger, or one that lost power, knows less than they."""
    for name, key in ((ASSET_JSON, "name"), (GEESYNC_JSON, "asset")):
        sidecar = place.document(name)
        if sidecar and sidecar.get(key) == asset:
            yield place.look(name)
            policy = place.document(IAM_JSON)
            if policy is not None and policy.keys() <= _OF_POLICIES:
                yield place.look(IAM_JSON)
            with suppress(KeyError, TypeError, ValueError):  # somebody edited it
                for part in (*sidecar.get("parts", ()), {"files": sidecar.get("made", ())}):
                    yield from [
                        KeptFile(file["name"], file["size_bytes"], int(file["crc32c"], 16))
                        for file in part["files"]
                    ]
