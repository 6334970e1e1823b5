"""Answers as documents for machines: the same on the command line and on the status page.

docs/json.md names every member.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from geesync.domain.assets.names import display_id
from geesync.domain.mirror.lifecycle import State
from geesync.store.views.making import MakingStatus
from geesync.store.views.status import RootStatus, Status
from geesync.store.views.troubles import Trouble

if TYPE_CHECKING:  # it brings SQLAlchemy, which a question does not wait for
    from geesync.store.ledger.roots import Root


def status_document(status: Status) -> dict[str, Any]:
    """Return how it stands."""
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
        "making": [_made(work) for work in status.making],
        "troubles": [_trouble(trouble) for trouble in status.troubles],
        "paused": status.paused,
        "pauses": [display_id(name) for name in status.pauses if name],
        "daemon": status.daemon,
    }


def _made(work: MakingStatus) -> dict[str, Any]:
    troubles = [_trouble(trouble) for trouble in work.troubles]
    document = {**vars(work), "moving": work.moving, "moved_at": json_time(work.moved_at)}
    return document | {"troubles": troubles}


def _trouble(trouble: Trouble) -> dict[str, Any]:
    document = asdict(trouble)
    return document | ({"next_at": json_time(document["next_at"])} if "next_at" in document else {})


def _root(root: RootStatus) -> dict[str, Any]:
    return {
        "name": root.name,
        "id": display_id(root.name),
        "dest": root.dest,
        "counts": {state.value: root.counts.get(state, 0) for state in State},
        "size_bytes": root.size_bytes,
        "verified_bytes": root.verified_bytes,
        "scanned_at": json_time(root.scanned_at),
        "excluded": root.excluded,
        "unreadable": root.completeness.unreadable,
        "alarm": root.alarm,
        "watched": root.watched,
        "paused": root.paused,
        "quota": root.quota,
    }


def root_document(root: Root) -> dict[str, Any]:
    """Return what is watched, and how."""
    return {
        "name": root.name,
        "id": display_id(root.name),
        "dest": root.dest,
        "bucket": root.bucket,
        "options": root.options,
        "interval_s": root.interval and root.interval.total_seconds(),
        "next_scan_at": json_time(root.next_scan_at),
        "scanned_at": json_time(root.scanned_at),
        "excluded": root.excluded,
        "alarm": root.alarm,
        "paused_at": json_time(root.paused_at),
    }


def asset_document(document: Any) -> Any:
    """Return what is known of an asset, with times as text instead of seconds."""
    if isinstance(document, list):
        return [asset_document(item) for item in document]
    if not isinstance(document, dict):
        return document
    return {
        key: json_time(value) if _is_time(key, value) else asset_document(value)
        for key, value in document.items()
    }


def _is_time(key: str, value: object) -> bool:
    return isinstance(value, float | int) and (key in {"at", "not_before"} or key.endswith("_at"))


def json_time(at: datetime | float | None) -> str | None:
    """Return a time as all documents have it: RFC 3339, UTC, milliseconds."""
    if at is None:
        return None
    moment = at if isinstance(at, datetime) else datetime.fromtimestamp(at, UTC)
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
