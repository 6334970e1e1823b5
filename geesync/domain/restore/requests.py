"""The request of an ingestion, and how its operation is known again."""

from __future__ import annotations

from geesync.domain.assets.asset import TABLE
from geesync.domain.json import Json
from geesync.domain.tasks.exports import described_as, token_of
from geesync.domain.tasks.task import TaskKind

#: Everything that a restore stages lies below this folder of the bucket, apart from exports.
STAGING = "geesync-restore"


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
    key = "tableManifest" if kind == TaskKind.TABLE_IMPORT else "imageManifest"
    return {
        "requestId": f"geesync-{told}",
        "description": described_as(told, target),
        key: manifest,
    }
