"""Which files of an asset's folder are geesync's: only over those may a new copy be put."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any

from geesync.adapters.mirror_files.disk import Folder
from geesync.domain.mirror.checking import KeptFile
from geesync.domain.mirror.layout import ASSET_JSON, GEESYNC_JSON, IAM_JSON
from geesync.store.copies.staging import Staged

#: What policies hold that we write, or why we may not know them; many are empty.
#: https://developers.google.com/earth-engine/reference/rest/Shared.Types/Policy
_OF_POLICIES = frozenset({"bindings", "etag", "version", "auditConfigs", "not_readable"})


def claim(place: Folder, asset: str, noted: Iterable[KeptFile], staged: Iterable[Staged]) -> None:
    """Make sure that a new copy overwrites nothing foreign, now or while the folder is open.

    noted: what the ledger knows to have put there, ever. Raises RemoteError FOREIGN before anything
    is moved.
    """
    place.known = {*noted, *_files_in_sidecars(place, asset)}
    for one in staged:
        place.claim(KeptFile(one.file, one.obj.size_bytes, one.obj.crc32c))


def _files_in_sidecars(place: Folder, asset: str) -> Iterator[KeptFile]:
    """Yield what the sidecars tell: a new ledger, or one that lost power, knows less than they."""
    for name, key in ((ASSET_JSON, "name"), (GEESYNC_JSON, "asset")):
        sidecar = _read(place, name)
        if sidecar and sidecar.get(key) == asset:
            yield place.look(name)
            policy = _read(place, IAM_JSON)
            if policy is not None and policy.keys() <= _OF_POLICIES:
                yield place.look(IAM_JSON)
            with suppress(KeyError, TypeError, ValueError):  # somebody edited it
                for part in (*sidecar.get("parts", ()), {"files": sidecar.get("made", ())}):
                    yield from [_file(file) for file in part["files"]]


def _read(place: Folder, name: str) -> dict[str, Any] | None:
    try:
        document = json.loads(place.read(name))
    except (FileNotFoundError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def _file(document: dict[str, Any]) -> KeptFile:
    return KeptFile(document["name"], document["size_bytes"], int(document["crc32c"], 16))
