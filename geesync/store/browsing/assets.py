"""Everything that is known of single assets, and of what was asked for them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from geesync.domain.assets.asset import CONTAINERS
from geesync.domain.assets.names import parent_of
from geesync.domain.mirror.lifecycle import State
from geesync.domain.mirror.plan import Plan
from geesync.domain.tasks.lifecycle import SubjectKind
from geesync.store.file.soundness import reading
from geesync.store.tables.packing import unpack
from geesync.store.tables.states import BELOW
from geesync.store.views.completeness import MirrorTrouble, completeness, unseen

_ASSETS = (
    "SELECT asset.*, root.dest, unreadable.why AS unreadable FROM asset"
    " JOIN root ON root.id = asset.root_id LEFT JOIN unreadable ON unreadable.asset_id = asset.id"
)

#: Columns by the names that ``show --json`` has always had for them.
_EXPORTS = (
    "SELECT task.id, subject_id AS asset_id, part, attempt, document, task.revision, token,"
    " body_hash, destination AS bucket, prefix, operation, state, intended_at, ended_at, cause,"
    " error, eecu_s FROM task JOIN plan ON plan.id = plan_id"
    " WHERE subject_kind = ? AND subject_id = ? ORDER BY task.id"
)
_FILES = (
    "SELECT file.id, task_id AS export_id, suffix, generation, size_bytes, crc32c, sha256,"
    " file.name AS file, landed_at, swept_at, voided_at, file.way, file.part,"
    " coalesce(prefix, '') || suffix AS name, token"
    " FROM plan JOIN file ON file.plan_id = plan.id LEFT JOIN task ON task.id = task_id"
    " WHERE asset_id = ? ORDER BY file.id"
)


def show(path: Path, name: str, trouble: MirrorTrouble = unseen) -> dict[str, Any] | None:
    """Return everything that is known of one asset, by canonical name; None if it is unknown."""
    with reading(path) as connection:
        asset = connection.execute(f"{_ASSETS} WHERE asset.name = ?", (name,)).fetchone()
        if asset is None:
            return None
        document = dict(asset) | {"parent": parent_of(name)}
        known = connection.execute("SELECT 1 FROM asset WHERE name = ?", (document["parent"],))
        document["is_parent_known"] = known.fetchone() is not None
        document["flattened_masks"] = _flattened(connection, asset["id"])
        document["below"] = _below(connection, name) if document["type"] in CONTAINERS else None
        whole = completeness(connection, name, trouble)
        document |= {"complete": whole.is_complete, "not_complete": list(whole.reasons)}
        of_asset = (SubjectKind.ASSET, asset["id"])
        document["exports"] = [_export(row) for row in connection.execute(_EXPORTS, of_asset)]
        document["objects"] = [
            dict(row) | {"sha256": row["sha256"] and row["sha256"].hex()}
            for row in connection.execute(_FILES, (asset["id"],))
        ]
        document["events"] = [
            dict(row)
            for row in connection.execute(
                "SELECT * FROM event WHERE asset_id = ? ORDER BY id", (asset["id"],)
            )
        ]
        return document


def _flattened(connection: sqlite3.Connection, asset_id: int) -> dict[str, list[str]]:
    """Return the bands whose fractional masks count as valid on disk, and those where they may."""
    query = "SELECT document FROM plan WHERE asset_id = ? AND replaced_at IS NULL"
    row = connection.execute(query, (asset_id,)).fetchone()
    seen, unknown = Plan.from_json(unpack(row["document"])).flattened if row else ([], [])
    return {"seen": seen, "unknown": unknown}


def _below(connection: sqlite3.Connection, name: str) -> dict[str, int]:
    """Return how many assets lie below a container, by state, however deep."""
    rows = connection.execute(
        f"SELECT state, count(*) FROM asset WHERE {BELOW} GROUP BY state",  # noqa: S608 # ours
        {"name": name},
    )
    counts: dict[str, int] = dict(rows.fetchall())
    return {state: counts[state] for state in State if state in counts}


def _export(row: sqlite3.Row) -> dict[str, Any]:
    document = dict(row) | {"body_hash": row["body_hash"].hex()}
    plan = Plan.from_json(unpack(document.pop("document")))
    return document | {"plan": plan.part(row["part"]).to_json()}


def assets(path: Path) -> Iterator[dict[str, Any]]:
    """Yield every asset's row with its root's folder, by name."""
    with reading(path) as connection:
        yield from map(dict, connection.execute(f"{_ASSETS} ORDER BY asset.name"))
