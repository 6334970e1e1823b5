"""The triggers that the migrations make: what the database counts by itself."""

from __future__ import annotations

from geesync.domain.tasks.lifecycle import TaskKind, TaskState
from geesync.store.tables.notes import CELL_DEG, CELLS_AROUND
from geesync.store.tables.states import TASK_IN_FLIGHT, quoted

EXPORT_KINDS = quoted((TaskKind.IMAGE_EXPORT, TaskKind.TABLE_EXPORT))

_ADD = """
    INSERT INTO tally (root_id, type, state, assets, size_bytes)
    VALUES (NEW.root_id, NEW.type, NEW.state, 1, NEW.size_bytes)
    ON CONFLICT DO UPDATE SET assets = assets + 1, size_bytes = size_bytes + excluded.size_bytes;
"""
_TAKE = """
    UPDATE tally SET assets = assets - 1, size_bytes = size_bytes - OLD.size_bytes
    WHERE root_id = OLD.root_id AND type = OLD.type AND state = OLD.state;
"""


def _cell(row: str) -> str:
    """Return the cell of a row's footprint in SQL: counted eastward from -180, then northward."""
    return (
        f"CAST(({row}.south + {row}.north + 180) / {2 * CELL_DEG} AS INTEGER) * {CELLS_AROUND}"
        f" + CAST(({row}.west + {row}.east + 360) / {2 * CELL_DEG} AS INTEGER) % {CELLS_AROUND}"
    )


_ADD_CELL = f"""
    INSERT INTO cell (root_id, cell, state, assets)
    SELECT NEW.root_id, {_cell("NEW")}, NEW.state, 1 WHERE NEW.west IS NOT NULL
    ON CONFLICT DO UPDATE SET assets = assets + 1;
"""  # our own constants
_OLD_CELL = f"root_id = OLD.root_id AND cell = {_cell('OLD')} AND state = OLD.state"
#: Rows that count nothing would stay for every state that an asset ever was in.
_TAKE_CELL = f"""
    UPDATE cell SET assets = assets - 1 WHERE {_OLD_CELL};
    DELETE FROM cell WHERE {_OLD_CELL} AND assets = 0;
"""  # noqa: S608 # our own constants

_ADD_TROUBLE = """
    INSERT INTO trouble (kind, state, assets)
    SELECT NEW.cause, NEW.state, 1 WHERE NEW.cause IS NOT NULL
    ON CONFLICT DO UPDATE SET assets = assets + 1;
"""
_TAKE_TROUBLE = """
    UPDATE trouble SET assets = assets - 1 WHERE kind = OLD.cause AND state = OLD.state;
"""
_ADD_LEFT_OUT = """
    INSERT INTO trouble (kind, state, assets)
    SELECT 'left_out', CAST(NEW.root_id AS TEXT), 1 WHERE NEW.left_out IS NOT NULL
    ON CONFLICT DO UPDATE SET assets = assets + 1;
"""
_TAKE_LEFT_OUT = """
    UPDATE trouble SET assets = assets - 1
    WHERE kind = 'left_out' AND state = CAST(OLD.root_id AS TEXT) AND OLD.left_out IS NOT NULL;
"""

_COUNTED = "root_id, type, state, size_bytes"
_PLACED = "root_id, state, west, south, east, north"


def _count(name: str, label: str, value: str) -> str:
    """Return the statement that adds to a total."""
    return (
        f"INSERT INTO total (name, label, value) VALUES ('{name}', {label}, {value})"  # noqa: S608 # our own constants, below
        " ON CONFLICT DO UPDATE SET value = value + excluded.value;"
    )


_MOVED = _count("moves", "coalesce(NEW.from_state, '') || '>' || NEW.to_state", "1")
_LANDED = _count("landed_objects", "''", "1") + _count("landed_bytes", "''", "NEW.size_bytes")
_SWEPT = _count("swept_bytes", "''", "NEW.size_bytes")
_STAGED = _count("staged_bytes", "''", "NEW.size_bytes")
_UNSTAGED = _count("unstaged_bytes", "''", "NEW.size_bytes")
#: What a task has in the bucket, as all of it begins or ceases to count.
_OF_TASK = (
    "(SELECT coalesce(sum(size_bytes), 0) FROM file"
    " WHERE plan_id = NEW.plan_id AND task_id = NEW.id AND swept_at IS NULL)"
)
_STAGED_WHOLE = _count("staged_bytes", "''", _OF_TASK)
_UNSTAGED_WHOLE = _count("unstaged_bytes", "''", _OF_TASK)
_SUCCEEDED = f"'{TaskState.SUCCEEDED}'"
_HAS_SUCCEEDED = f"(SELECT state FROM task WHERE id = NEW.task_id) = {_SUCCEEDED}"  # noqa: S608 # our own
_ASKED = _count("exports", "'asked'", "1")
_ENDED = _count("exports", "NEW.state", "1") + _count(
    "export_s", "NEW.state", "coalesce(NEW.ended_at - NEW.intended_at, 0)"
)
_MONTH = "strftime('%Y-%m', coalesce(NEW.ended_at, NEW.intended_at), 'unixepoch')"
_COMPUTED = _count("eecu_s", "''", "NEW.eecu_s") + _count("eecu_s_of_month", _MONTH, "NEW.eecu_s")

_PLANNED = "UPDATE asset SET way = NEW.way WHERE id = NEW.asset_id;"
_UNPLANNED = "UPDATE asset SET way = NULL WHERE id = NEW.asset_id;"

TRIGGERS = (
    (
        "CREATE TRIGGER way_planned AFTER INSERT ON plan"
        f" WHEN NEW.replaced_at IS NULL BEGIN {_PLANNED} END"
    ),
    (
        "CREATE TRIGGER way_unplanned AFTER UPDATE OF replaced_at ON plan"
        f" WHEN NEW.replaced_at IS NOT NULL BEGIN {_UNPLANNED} END"
    ),
    f"CREATE TRIGGER tally_insert AFTER INSERT ON asset BEGIN {_ADD} END",
    f"CREATE TRIGGER tally_update AFTER UPDATE OF {_COUNTED} ON asset BEGIN {_TAKE} {_ADD} END",
    f"CREATE TRIGGER tally_delete AFTER DELETE ON asset BEGIN {_TAKE} END",
    f"CREATE TRIGGER cell_insert AFTER INSERT ON asset BEGIN {_ADD_CELL} END",
    (
        f"CREATE TRIGGER cell_update AFTER UPDATE OF {_PLACED} ON asset"
        f" BEGIN {_TAKE_CELL} {_ADD_CELL} END"
    ),
    f"CREATE TRIGGER cell_delete AFTER DELETE ON asset BEGIN {_TAKE_CELL} END",
    f"CREATE TRIGGER trouble_insert AFTER INSERT ON asset BEGIN {_ADD_TROUBLE}{_ADD_LEFT_OUT} END",
    (
        f"CREATE TRIGGER trouble_update AFTER UPDATE OF cause, state ON asset"
        f" WHEN coalesce(OLD.cause, NEW.cause) IS NOT NULL BEGIN {_TAKE_TROUBLE}{_ADD_TROUBLE} END"
    ),
    (
        f"CREATE TRIGGER trouble_delete AFTER DELETE ON asset"
        f" BEGIN {_TAKE_TROUBLE}{_TAKE_LEFT_OUT} END"
    ),
    (
        f"CREATE TRIGGER left_out_update AFTER UPDATE OF left_out, root_id ON asset"
        f" WHEN coalesce(OLD.left_out, NEW.left_out) IS NOT NULL"
        f" BEGIN {_TAKE_LEFT_OUT}{_ADD_LEFT_OUT} END"
    ),
    (
        f"CREATE TRIGGER total_moves AFTER INSERT ON event"
        f" WHEN NEW.from_state IS NOT NEW.to_state BEGIN {_MOVED} END"
    ),
    (
        f"CREATE TRIGGER total_asked AFTER INSERT ON task"
        f" WHEN NEW.kind IN ({EXPORT_KINDS}) BEGIN {_ASKED} END"
    ),
    (
        f"CREATE TRIGGER total_ended AFTER UPDATE OF state ON task"
        f" WHEN NEW.kind IN ({EXPORT_KINDS})"
        f" AND OLD.state IN ({TASK_IN_FLIGHT}) AND NEW.state NOT IN ({TASK_IN_FLIGHT})"
        f" BEGIN {_ENDED} END"
    ),
    (
        f"CREATE TRIGGER total_computed AFTER UPDATE OF eecu_s ON task"
        f" WHEN OLD.eecu_s IS NULL AND NEW.eecu_s IS NOT NULL BEGIN {_COMPUTED} END"
    ),
    (
        f"CREATE TRIGGER total_landed AFTER UPDATE OF landed_at ON file"
        f" WHEN OLD.landed_at IS NULL AND NEW.landed_at IS NOT NULL BEGIN {_LANDED} END"
    ),
    (
        f"CREATE TRIGGER total_swept AFTER UPDATE OF swept_at ON file"
        f" WHEN OLD.swept_at IS NULL AND NEW.swept_at IS NOT NULL BEGIN {_SWEPT} END"
    ),
    (
        f"CREATE TRIGGER total_staged AFTER INSERT ON file"
        f" WHEN NEW.swept_at IS NULL AND {_HAS_SUCCEEDED} BEGIN {_STAGED} END"
    ),
    (
        f"CREATE TRIGGER total_unstaged AFTER UPDATE OF swept_at ON file"
        f" WHEN OLD.swept_at IS NULL AND NEW.swept_at IS NOT NULL AND {_HAS_SUCCEEDED}"
        f" BEGIN {_UNSTAGED} END"
    ),
    (
        f"CREATE TRIGGER total_staged_whole AFTER UPDATE OF state ON task"
        f" WHEN OLD.state <> {_SUCCEEDED} AND NEW.state = {_SUCCEEDED} BEGIN {_STAGED_WHOLE} END"
    ),
    (
        f"CREATE TRIGGER total_unstaged_whole AFTER UPDATE OF state ON task"
        f" WHEN OLD.state = {_SUCCEEDED} AND NEW.state <> {_SUCCEEDED} BEGIN {_UNSTAGED_WHOLE} END"
    ),
)
