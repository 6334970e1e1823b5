"""The IAM policy of an asset, as the mirror has it."""

from __future__ import annotations

from pathlib import Path

from geesync.adapters.mirror_files.folders import folder
from geesync.domain.json import Json
from geesync.domain.mirror.layout import IAM_JSON
from geesync.errors import RemoteError


def policy_at(mirror: Path, path: str) -> Json | None:
    """Return the policy of the asset in a folder of the mirror; None if it is not there."""
    try:
        with folder(mirror, path, create=False) as place:
            policy = place.document(IAM_JSON)
    except (OSError, RemoteError):
        return None
    return None if policy is None or "not_readable" in policy else policy
