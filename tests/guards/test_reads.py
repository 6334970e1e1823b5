"""What is asked again and again is answered at the same cost, however much there is to tell."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from geesync.store.file.database import Database, open_migrating
from geesync.store.ledger.usage import Usage
from geesync.store.views import status as views
from geesync.web.health import complaints

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
FEW, MANY = 20, 5_000

_NUMBERS = (
    "CREATE TEMP TABLE numbers AS"
    " WITH RECURSIVE count(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM count WHERE n < ?)"
    " SELECT n FROM count"
)
_ROOT = (
    "INSERT INTO root (id, name, dest, bucket, added_at, next_scan_at)"
    " VALUES (1, 'users/x', '/mirror', 'bucket', 0, 0)"
)
_ASSETS = (
    "INSERT INTO asset (id, root_id, name, type, path, revision, size_bytes, state, cause, reason,"
    " left_out, seen_at) SELECT n, 1, 'users/x/' || n, 'IMAGE', 'users/x/' || n, 'r',"
    " 1, 'discovered', 'transient', 'an outage', 'a band', 0 FROM numbers"
)
_PLANS = (
    "INSERT INTO plan (id, asset_id, revision, options, document, made_at)"
    " SELECT n, n, 'r', x'', x'', 0 FROM numbers"
)
_EXPORTS = (
    "INSERT INTO task (id, subject_kind, subject_id, subject, kind, plan_id, part, attempt,"
    " revision, token, body_hash, destination_kind, destination, state, intended_at)"
    " SELECT n, 'asset', n, 'users/x/' || n, 'image:export', n, '.tif', 1, 'r', 't' || n, x'',"
    " 'bucket', 'b', 'intended', 0 FROM numbers"
)
_STAGED = (
    "INSERT INTO file (plan_id, part, task_id, way, suffix, generation, size_bytes, crc32c, name,"
    " landed_at) SELECT n, '.tif', n, 'bucket', '.tif', 1, 100, 0, n || '.tif', 1 FROM numbers"
)
_LEFT = (
    "UPDATE file SET swept_at = 2 WHERE task_id = 1",
    "UPDATE task SET state = 'disproved' WHERE id IN (1, 2)",
    "UPDATE file SET swept_at = 2 WHERE task_id = 2",
)
_ENDED = "UPDATE task SET state = 'succeeded', ended_at = ?, eecu_s = 2"


class _Counted(sqlite3.Connection):
    """A connection that counts the instructions of SQLite's machine."""

    def __init__(self, spent: list[int], *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.set_progress_handler(lambda: spent.append(1), 1)


@pytest.fixture(params=[FEW, MANY])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Database, int]]:
    """A ledger in which everything that there is has its trouble, and has been exported."""
    database = open_migrating(tmp_path / "geesync.db")
    with database.write() as connection:
        connection.exec_driver_sql(_ROOT)
        connection.exec_driver_sql(_NUMBERS, (request.param,))
        connection.exec_driver_sql(_ASSETS)
        connection.exec_driver_sql(_PLANS)
        connection.exec_driver_sql(_EXPORTS)
        connection.exec_driver_sql(_ENDED, (NOW.timestamp(),))
        for statement in (_STAGED, *_LEFT):
            connection.exec_driver_sql(statement)
    database.rows(sa.select(1))  # what it costs to open a connection is not counted
    yield database, request.param
    database.close()


def spent_by(
    question: Callable[[], object], database: Database, monkeypatch: pytest.MonkeyPatch
) -> int:
    """Return the instructions of SQLite's machine that a question costs."""
    spent: list[int] = []

    def execute(connection: sa.Connection, *_: Any) -> None:
        connection.connection.driver_connection.set_progress_handler(lambda: spent.append(1), 1)  # type: ignore[union-attr] # it is open

    monkeypatch.setattr(
        sqlite3, "connect", partial(sqlite3.connect, factory=partial(_Counted, spent))
    )
    sa.event.listen(database._reader, "before_cursor_execute", execute)
    question()
    return len(spent)


def test_health_asks_for_a_sign_of_life_and_nothing_else(
    ledger: tuple[Database, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    database, _ = ledger

    spent = spent_by(lambda: complaints(database.path, NOW), database, monkeypatch)

    assert 0 < spent < 1200  # the most of it to open the ledger, twice


def test_a_status_costs_the_same_however_many_assets_are_in_trouble(
    ledger: tuple[Database, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    database, count = ledger
    told = []

    spent = spent_by(
        lambda: told.append(views.status(database.path, now=NOW)), database, monkeypatch
    )

    assert 0 < spent < 2_000
    (status,) = told
    (trouble,) = status.troubles
    assert (trouble.count, trouble.reason, status.left_out) == (count, "an outage", count)
    assert status.staged_bytes == 100 * (count - 2)


def test_the_budget_costs_the_same_however_many_exports_a_month_had(
    ledger: tuple[Database, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    database, count = ledger
    told = []

    spent = spent_by(lambda: told.append(Usage(database).eecu_s(NOW)), database, monkeypatch)

    assert 0 < spent < 100
    assert told == [2 * count]
