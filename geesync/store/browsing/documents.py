"""Answers as documents for machines: the same on the command line and on the status page."""

from __future__ import annotations

from typing import Any

from geesync.domain.assets.names import display_id
from geesync.domain.mirror.lifecycle import State
from geesync.store.views.making import MakingStatus
from geesync.store.views.status import RootStatus, Status


def status_document(status: Status) -> dict[str, Any]:
    """Return how it stands; docs/status-page.md names the members."""
    return {
        "roots": [_root(root) for root in status.roots],
        "moving": status.moving,
        "operations": status.operations,
        "queue": status.queue,
        "staged_bytes": status.staged_bytes,
        "verified_per_hour": status.pace.per_hour,
        "eta_s": None if status.eta is None else status.eta.total_seconds(),
        "metadata_only": status.left_out,
        "unreadable": status.completeness.unreadable,
        "complete": status.completeness.is_complete,
        "not_complete": list(status.completeness.reasons),
        "making": [_made(one) for one in status.making],
        "troubles": [vars(trouble) for trouble in status.troubles],
        "paused": status.paused,
        "pauses": [display_id(name) for name in status.pauses if name],
        "daemon": status.daemon,
    }


def _made(one: MakingStatus) -> dict[str, Any]:
    troubles = [vars(trouble) for trouble in one.troubles]
    return {**vars(one), "moving": one.moving, "troubles": troubles}


def _root(root: RootStatus) -> dict[str, Any]:
    return {
        "name": root.name,
        "id": display_id(root.name),
        "dest": root.dest,
        "counts": {state.value: root.counts.get(state, 0) for state in State},
        "size_bytes": root.size_bytes,
        "verified_bytes": root.verified_bytes,
        "scanned_at": root.scanned_at and root.scanned_at.isoformat(),
        "excluded": root.excluded,
        "unreadable": root.completeness.unreadable,
        "alarm": root.alarm,
        "watched": root.watched,
        "paused": root.paused,
        "quota": root.quota,
    }
