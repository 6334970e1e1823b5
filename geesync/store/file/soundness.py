"""Whether a file is a ledger that can be worked with: whole, ours, and of this program's schema."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from geesync.errors import LedgerError
from geesync.store.file.filesystem import is_remote, kind_of
from geesync.store.tables.schema import APPLICATION_ID

#: The newest revision in migrations/; a test holds the two together.
HEAD = "0001"

#: A gigabyte is read for damage in some ten seconds.
_LARGE_BYTES = 256 * 1024**2

#: Instructions of SQLite between two questions whether to keep on.
_STRIDE = 1_000_000


def is_large(path: Path) -> bool:
    """Whether to read all of a ledger takes longer than a start may."""
    return path.exists() and path.stat().st_size > _LARGE_BYTES


def check(
    path: Path, *, thorough: bool = False, keep_on: Callable[[], bool] = lambda: True
) -> str | None:
    """Return the ledger's schema revision, or None if there is no file yet; write nothing.

    thorough: read the whole file for damage, as the daemon does after its start; keep_on is asked
    meanwhile, and ends it. Raises LedgerError if the file is empty, foreign, damaged or newer than
    this program, or on another machine.
    """
    if is_remote(kind := kind_of(path)):
        raise LedgerError(
            f"the ledger {path} is on a file system of another machine ({kind}), where SQLite"
            " cannot keep it whole",
            hint="set `ledger` to a local disk; the mirror may stay",
        )
    if not path.exists():
        return None
    if path.stat().st_size == 0:
        # SQLite would take it for a new database, and everything would be exported again.
        raise LedgerError(
            f"the ledger {path} is empty",
            hint="restore it from a backup, or move it away to begin anew",
        )
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            connection.set_progress_handler(lambda: not keep_on(), _STRIDE)
            return _check_contents(path, connection, thorough=thorough)
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_INTERRUPT:
            return None
        raise LedgerError(
            f"the ledger {path} cannot be read: {error}", hint="restore it from a backup"
        ) from error


def _check_contents(path: Path, connection: sqlite3.Connection, *, thorough: bool) -> str:
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise LedgerError(f"{path} is a database, but not a geesync ledger", hint="check `ledger`")
    if thorough:
        damage = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if damage != "ok":
            raise LedgerError(
                f"the ledger {path} is damaged: {damage}", hint="restore it from a backup"
            )
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    if row is None:
        raise LedgerError(f"the ledger {path} has no schema", hint="restore it from a backup")
    revision = str(row[0])
    if revision > HEAD:
        raise LedgerError(
            f"the ledger {path} has schema {revision}, newer than this program's {HEAD}",
            hint="upgrade geesync, or restore the backup made before the ledger was migrated",
        )
    return revision
