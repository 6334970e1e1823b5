"""The request of an ingestion, and how its operation is known again."""

from __future__ import annotations

import re

from geesync.domain.assets.asset import TABLE
from geesync.domain.assets.names import display_id
from geesync.domain.json import Json
from geesync.domain.tasks.exports import token_of
from geesync.domain.tasks.task import TaskKind

#: Everything that a restore stages lies below this folder of the bucket, apart from exports.
STAGING = "geesync-restore"

_DESCRIPTION = re.compile(r"[^A-Za-z0-9_-]+")
_DESCRIPTION_LENGTH = 90


def kind_of(asset_type: str) -> TaskKind:
    """Return what makes an asset of this type."""
    return TaskKind.TABLE_IMPORT if asset_type == TABLE else TaskKind.IMAGE_IMPORT


def token(ledger: str, mark: str, attempt: int) -> str:
    """Return what tells one try at making an asset from all others, by whichever ledger."""
    return token_of(["restore", ledger, mark, attempt])


def request(kind: TaskKind, manifest: Json, told: str, target: str) -> Json:
    """Return the body of ``image:import`` or ``table:import``; told: the task's token.

    Never with ``overwrite``: what is there is somebody's.
    """
    tail = _DESCRIPTION.sub("-", display_id(target))[-(_DESCRIPTION_LENGTH - 30) :]
    key = "tableManifest" if kind == TaskKind.TABLE_IMPORT else "imageManifest"
    return {
        "requestId": f"geesync-{told}",
        "description": f"geesync_{told}_{tail}",
        key: manifest,
    }
