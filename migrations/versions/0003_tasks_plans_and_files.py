"""Give tasks, plans and files tables of their own, in place of exports and their objects.

The schema as it was, frozen. What was asked for goes on: tokens, prefixes and hashes of requests
stay as they are. An export's part becomes a part of its asset's plan. Exports that a recovery had
only made up become what they told: files without a task, and lessons of a plan.
"""

import base64
import hashlib
import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from alembic import op

from geesync.store.tables.packing import pack, unpack

revision = "0003"
down_revision = "0002"

TABLES = (
    """
CREATE TABLE "plan" (
    id INTEGER NOT NULL,
    asset_id INTEGER NOT NULL,
    revision TEXT NOT NULL,
    options BLOB NOT NULL,
    way TEXT DEFAULT 'bucket' NOT NULL,
    document BLOB NOT NULL,
    made_at FLOAT NOT NULL,
    replaced_at FLOAT,
    CONSTRAINT pk_plan PRIMARY KEY (id),
    CONSTRAINT ck_plan_way CHECK (way IN ('direct', 'bucket', 'drive')),
    CONSTRAINT fk_plan_asset_id_asset FOREIGN KEY(asset_id) REFERENCES asset (id)
)
""",
    """
CREATE INDEX ix_plan_asset ON "plan" (asset_id)
""",
    """
CREATE UNIQUE INDEX uq_plan_current ON "plan" (asset_id) WHERE replaced_at IS NULL
""",
    """
CREATE TABLE task (
    id INTEGER NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_id INTEGER NOT NULL,
    subject TEXT NOT NULL,
    revision TEXT NOT NULL,
    kind TEXT NOT NULL,
    plan_id INTEGER,
    part TEXT DEFAULT '' NOT NULL,
    attempt INTEGER NOT NULL,
    token TEXT NOT NULL,
    body BLOB,
    body_hash BLOB NOT NULL,
    destination_kind TEXT NOT NULL,
    destination TEXT NOT NULL,
    prefix TEXT DEFAULT '' NOT NULL,
    operation TEXT,
    state TEXT NOT NULL,
    intended_at FLOAT NOT NULL,
    ended_at FLOAT,
    cause TEXT,
    error TEXT,
    eecu_s FLOAT,
    CONSTRAINT pk_task PRIMARY KEY (id),
    CONSTRAINT ck_task_state CHECK (state IN ('intended', 'unclear', 'running', 'succeeded', 'failed', 'disproved', 'cancelled', 'lost', 'refused', 'abandoned')),
    CONSTRAINT ck_task_running_is_known CHECK (state <> 'running' OR operation IS NOT NULL),
    CONSTRAINT ck_task_subject_kind CHECK (subject_kind IN ('asset', 'restore', 'derived')),
    CONSTRAINT ck_task_kind CHECK (kind IN ('image:export', 'table:export', 'image:import', 'table:import')),
    CONSTRAINT ck_task_destination_kind CHECK (destination_kind IN ('bucket', 'drive', 'asset', 'none')),
    CONSTRAINT ck_task_asset_has_plan CHECK (subject_kind <> 'asset' OR plan_id IS NOT NULL),
    CONSTRAINT fk_task_plan_id_plan FOREIGN KEY(plan_id) REFERENCES "plan" (id),
    CONSTRAINT uq_task_token UNIQUE (token)
)
""",
    """
CREATE INDEX ix_task_state ON task (state) WHERE state IN ('intended', 'unclear', 'running')
""",
    """
CREATE INDEX ix_task_subject ON task (subject_kind, subject_id)
""",
    """
CREATE UNIQUE INDEX uq_task_live ON task (subject_kind, subject_id, part) WHERE state IN ('intended', 'unclear', 'running', 'succeeded')
""",
    """
CREATE UNIQUE INDEX uq_task_operation ON task (operation) WHERE state IN ('intended', 'unclear', 'running')
""",
    """
CREATE TABLE file (
    id INTEGER NOT NULL,
    plan_id INTEGER NOT NULL,
    part TEXT NOT NULL,
    task_id INTEGER,
    way TEXT NOT NULL,
    name TEXT NOT NULL,
    suffix TEXT,
    generation INTEGER,
    size_bytes INTEGER NOT NULL,
    crc32c INTEGER NOT NULL,
    sha256 BLOB,
    landed_at FLOAT,
    swept_at FLOAT,
    voided_at FLOAT,
    CONSTRAINT pk_file PRIMARY KEY (id),
    CONSTRAINT ck_file_way CHECK (way IN ('direct', 'bucket', 'drive')),
    CONSTRAINT ck_file_object_is_pinned CHECK (way <> 'bucket' OR generation IS NOT NULL),
    CONSTRAINT ck_file_direct_needs_no_task CHECK (way <> 'direct' OR task_id IS NULL),
    CONSTRAINT ck_file_swept_after_landed CHECK (swept_at IS NULL OR landed_at IS NOT NULL),
    CONSTRAINT fk_file_plan_id_plan FOREIGN KEY(plan_id) REFERENCES "plan" (id),
    CONSTRAINT fk_file_task_id_task FOREIGN KEY(task_id) REFERENCES task (id)
)
""",
    """
CREATE INDEX ix_file_unswept ON file (task_id) WHERE swept_at IS NULL AND way = 'bucket'
""",
    """
CREATE UNIQUE INDEX uq_file_plan_id_task_id_name ON file (plan_id, task_id, name)
""",
)

TRIGGERS = (
    """
CREATE TRIGGER total_asked AFTER INSERT ON task WHEN NEW.kind IN ('image:export', 'table:export') BEGIN INSERT INTO total (name, label, value) VALUES ('exports', 'asked', 1) ON CONFLICT DO UPDATE SET value = value + excluded.value; END
""",
    """
CREATE TRIGGER total_ended AFTER UPDATE OF state ON task WHEN NEW.kind IN ('image:export', 'table:export') AND OLD.state IN ('intended', 'unclear', 'running') AND NEW.state NOT IN ('intended', 'unclear', 'running') BEGIN INSERT INTO total (name, label, value) VALUES ('exports', NEW.state, 1) ON CONFLICT DO UPDATE SET value = value + excluded.value;INSERT INTO total (name, label, value) VALUES ('export_s', NEW.state, coalesce(NEW.ended_at - NEW.intended_at, 0)) ON CONFLICT DO UPDATE SET value = value + excluded.value; END
""",
    """
CREATE TRIGGER total_computed AFTER UPDATE OF eecu_s ON task WHEN OLD.eecu_s IS NULL AND NEW.eecu_s IS NOT NULL BEGIN INSERT INTO total (name, label, value) VALUES ('eecu_s', '', NEW.eecu_s) ON CONFLICT DO UPDATE SET value = value + excluded.value;INSERT INTO total (name, label, value) VALUES ('eecu_s_of_month', strftime('%Y-%m', coalesce(NEW.ended_at, NEW.intended_at), 'unixepoch'), NEW.eecu_s) ON CONFLICT DO UPDATE SET value = value + excluded.value; END
""",
    """
CREATE TRIGGER total_landed AFTER UPDATE OF landed_at ON file WHEN OLD.landed_at IS NULL AND NEW.landed_at IS NOT NULL BEGIN INSERT INTO total (name, label, value) VALUES ('landed_objects', '', 1) ON CONFLICT DO UPDATE SET value = value + excluded.value;INSERT INTO total (name, label, value) VALUES ('landed_bytes', '', NEW.size_bytes) ON CONFLICT DO UPDATE SET value = value + excluded.value; END
""",
    """
CREATE TRIGGER total_swept AFTER UPDATE OF swept_at ON file WHEN OLD.swept_at IS NULL AND NEW.swept_at IS NOT NULL BEGIN INSERT INTO total (name, label, value) VALUES ('swept_bytes', '', NEW.size_bytes) ON CONFLICT DO UPDATE SET value = value + excluded.value; END
""",
    """
CREATE TRIGGER total_staged AFTER INSERT ON file WHEN NEW.swept_at IS NULL AND (SELECT state FROM task WHERE id = NEW.task_id) = 'succeeded' BEGIN INSERT INTO total (name, label, value) VALUES ('staged_bytes', '', NEW.size_bytes) ON CONFLICT DO UPDATE SET value = value + excluded.value; END
""",
    """
CREATE TRIGGER total_unstaged AFTER UPDATE OF swept_at ON file WHEN OLD.swept_at IS NULL AND NEW.swept_at IS NOT NULL AND (SELECT state FROM task WHERE id = NEW.task_id) = 'succeeded' BEGIN INSERT INTO total (name, label, value) VALUES ('unstaged_bytes', '', NEW.size_bytes) ON CONFLICT DO UPDATE SET value = value + excluded.value; END
""",
    """
CREATE TRIGGER total_staged_whole AFTER UPDATE OF state ON task WHEN OLD.state <> 'succeeded' AND NEW.state = 'succeeded' BEGIN INSERT INTO total (name, label, value) VALUES ('staged_bytes', '', (SELECT coalesce(sum(size_bytes), 0) FROM file WHERE plan_id = NEW.plan_id AND task_id = NEW.id AND swept_at IS NULL)) ON CONFLICT DO UPDATE SET value = value + excluded.value; END
""",
    """
CREATE TRIGGER total_unstaged_whole AFTER UPDATE OF state ON task WHEN OLD.state = 'succeeded' AND NEW.state <> 'succeeded' BEGIN INSERT INTO total (name, label, value) VALUES ('unstaged_bytes', '', (SELECT coalesce(sum(size_bytes), 0) FROM file WHERE plan_id = NEW.plan_id AND task_id = NEW.id AND swept_at IS NULL)) ON CONFLICT DO UPDATE SET value = value + excluded.value; END
""",
)

OLD_TRIGGERS = (
    "total_asked",
    "total_ended",
    "total_computed",
    "total_landed",
    "total_swept",
    "total_staged",
    "total_unstaged",
    "total_staged_whole",
    "total_unstaged_whole",
)

#: Where an asset's plan must stay what it is, as its files are on their way or at home.
UNDER_WAY = ("exporting", "in_bucket", "downloaded", "verified")
LIVE = ("intended", "unclear", "running", "succeeded")

#: For whom a recovery made exports up, in place of a ledger's own id.
MADE_UP = ("recovered", "too much")

Row = dict[str, Any]


def upgrade() -> None:
    for trigger in OLD_TRIGGERS:
        op.execute(f"DROP TRIGGER {trigger}")
    for statement in TABLES:
        op.execute(statement)
    _convert()
    op.execute("DROP TABLE object")
    op.execute("DROP TABLE export")
    for statement in TRIGGERS:
        op.execute(statement)


def _convert() -> None:
    connection = op.get_bind()
    op.execute(
        "CREATE TEMP TABLE of_plan (export_id INTEGER PRIMARY KEY, plan_id INTEGER, made_up)"
    )
    made_up = 0
    for asset, exports in _assets():
        for of_revision in _by_revision(exports):
            made_up += _convert_revision(asset, of_revision)
    op.execute(
        "INSERT INTO task (id, subject_kind, subject_id, subject, revision, kind, plan_id, part,"
        " attempt, token, body_hash, destination_kind, destination, prefix, operation, state,"
        " intended_at, ended_at, cause, error, eecu_s)"
        " SELECT export.id, 'asset', asset_id, asset.name, export.revision,"
        " CASE WHEN part LIKE '%.tif' THEN 'image:export' ELSE 'table:export' END,"
        " plan_id, part, attempt, token, body_hash, 'bucket', bucket, prefix, operation,"
        " export.state, intended_at, ended_at, export.cause, error, eecu_s"
        " FROM export JOIN asset ON asset.id = asset_id JOIN of_plan ON export_id = export.id"
        " WHERE NOT made_up ORDER BY export.id"
    )
    op.execute(
        "INSERT INTO file (id, plan_id, part, task_id, way, name, suffix, generation, size_bytes,"
        " crc32c, sha256, landed_at, swept_at, voided_at)"
        " SELECT object.id, plan_id, part, CASE WHEN made_up THEN NULL ELSE export.id END,"
        " 'bucket', file, CASE WHEN made_up THEN prefix || suffix ELSE suffix END, generation,"
        " size_bytes, crc32c, sha256, landed_at, swept_at,"
        " CASE WHEN made_up AND state <> 'succeeded' THEN ended_at END"
        " FROM object JOIN export ON export.id = object.export_id"
        " JOIN of_plan ON of_plan.export_id = export.id ORDER BY object.id"
    )
    connection.exec_driver_sql(
        "UPDATE total SET value = value - ? WHERE name = 'exports' AND label = 'asked'", (made_up,)
    )
    op.execute("DROP TABLE of_plan")


def _assets() -> Iterator[tuple[Row, list[Row]]]:
    """Yield each asset that was planned, with its exports, oldest first."""
    connection, after = op.get_bind(), 0
    while True:
        page = connection.exec_driver_sql(
            "SELECT asset.id, asset.name, asset.revision, asset.state, left_out, type, seen_at"
            " FROM asset WHERE id > ? AND (left_out IS NOT NULL OR EXISTS"
            " (SELECT * FROM export WHERE asset_id = asset.id)) ORDER BY id LIMIT 1000",
            (after,),
        ).mappings()
        assets = [dict(row) for row in page]
        if not assets:
            return
        for asset in assets:
            exports = connection.exec_driver_sql(
                "SELECT * FROM export WHERE asset_id = ? ORDER BY id", (asset["id"],)
            ).mappings()
            yield asset, [dict(row) for row in exports] or [_no_export(asset)]
        after = assets[-1]["id"]


def _no_export(asset: Row) -> Row:
    """Return what stands for the exports of an asset of which nothing is taken as a file."""
    return {"id": None, "revision": asset["revision"], "intended_at": asset["seen_at"]}


def _by_revision(exports: list[Row]) -> Iterator[list[Row]]:
    newest = {export["revision"]: number for number, export in enumerate(exports)}
    ordered = sorted(exports, key=lambda export: newest[export["revision"]])
    for _, of_revision in groupby(ordered, key=lambda export: export["revision"]):
        yield list(of_revision)


def _convert_revision(asset: Row, exports: list[Row]) -> int:
    """Make the plans of a revision; return how many of its exports were made up."""
    is_now = exports[0]["revision"] == asset["revision"]
    for export in exports:
        export["made_up"] = _is_made_up(asset, export)
        export["json"] = unpack(export["plan"]) if export["id"] else None
    exports = [export for export in exports if export["id"]]
    real = [export for export in exports if export["state"] in LIVE or not export["made_up"]]
    taken = {export["part"]: export for export in real if export["state"] in LIVE}
    others = [export for export in real if export["part"] not in taken or _differs(export, taken)]
    # Parts of which nothing is of use any more: each of another form needs a plan that has it.
    earlier: list[dict[str, Row]] = []
    for export in others:
        for plan in earlier:
            if plan.setdefault(export["part"], export)["json"] == export["json"]:
                break
        else:
            earlier.append({export["part"]: export})
    for plan in earlier:
        _insert_plan(asset, exports, plan, replaced=True)
    if taken or (is_now and asset["left_out"]):
        is_current = is_now and asset["state"] in UNDER_WAY
        _insert_plan(asset, exports, taken, replaced=not is_current)
    return sum(export["made_up"] for export in exports)


def _differs(export: Row, taken: dict[str, Row]) -> bool:
    return bool(taken[export["part"]]["json"] != export["json"])


def _insert_plan(asset: Row, exports: list[Row], parts: dict[str, Row], *, replaced: bool) -> None:
    connection = op.get_bind()
    revision = next((one["revision"] for one in exports), asset["revision"])
    made_at = min((one["intended_at"] for one in exports), default=asset["seen_at"])
    found = _lessons(exports)
    document = {
        "parts": [one["json"] for one in parts.values()],
        "left": asset["left_out"].split("; ") if asset["left_out"] else [],
        "masks": _masks(parts, found) if asset["type"] == "IMAGE" else "",
        **({"lessons": found} if any(found.values()) else {}),
    }
    origins = {
        one["part"]: {
            "operation": "",
            "attempt": one["attempt"],
            "bucket": one["bucket"],
            "request": None,
        }
        for one in parts.values()
        if one["made_up"]
    }
    if origins:
        document["origins"] = origins
    plan_id = connection.exec_driver_sql(
        "INSERT INTO plan (asset_id, revision, options, document, made_at, replaced_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (asset["id"], revision, b"", pack(document), made_at, made_at if replaced else None),
    ).lastrowid
    mine = [
        (one["id"], plan_id, one["made_up"])
        for one in exports
        if one["part"] in parts and one["json"] == parts[one["part"]]["json"]
    ]
    if mine:
        connection.exec_driver_sql("INSERT OR IGNORE INTO of_plan VALUES (?, ?, ?)", mine)


def _lessons(exports: list[Row]) -> Row:
    """Return what tries taught, as plans were made of it until now."""
    taught = [one for one in exports if one["cause"] == "plan"]
    columns: list[str] = []
    for one in taught:
        columns = json.loads(one["found"] or "{}").get("columns", columns)
    return {
        "too_much": [one["json"] for one in taught if one["state"] == "failed"],
        "unreliable": [one["json"] for one in taught if one["state"] == "disproved"],
        "columns": columns,
    }


def _masks(parts: dict[str, Row], lessons: Row) -> str:
    """Return how the parts hold masks, which was not written down."""
    kept = [one["json"] for one in parts.values()]
    if any(part["sentinel"] is not None for part in kept) or not kept:
        return "separate" if lessons["unreliable"] and not kept else "nodata"
    return "separate" if any(part["of_masks"] for part in kept) else "none"


def _is_made_up(asset: Row, export: Row) -> bool:
    """Whether a recovery wrote an export down that nobody had asked for."""
    if not export["id"] or export["body_hash"]:
        return False
    part = unpack(export["plan"])
    told = (asset["name"], export["revision"], part["key"], part["extension"], export["attempt"])
    return any(_token(ledger, *told) == export["token"] for ledger in MADE_UP)


def _token(*told: Any) -> str:
    digest = hashlib.sha256(json.dumps(told).encode()).digest()
    return base64.b32encode(digest)[:16].decode().lower()
