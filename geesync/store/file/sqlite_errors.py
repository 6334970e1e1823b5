"""What SQLite's errors mean: a disk in trouble, which passes, or a ledger that is damaged."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from geesync.errors import Cause, LedgerError, RemoteError
from geesync.store.file.soundness import RESTORE

#: SQLite's words for a disk that is full, failing or read-only: they pass.
_DISK_ERRORS = frozenset(
    {
        *(sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY),
        *(sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_BUSY),
    }
)
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours: the disk's delay, damage ends the daemon."""
    try:
        yield
    except Exception as error:
        told = getattr(error, "orig", error)  # as SQLAlchemy wraps it
        code = getattr(told, "sqlite_errorcode", 0)
        emptied = code == sqlite3.SQLITE_ERROR and "no such table" in str(told)
        if emptied or code == sqlite3.SQLITE_READONLY_DBMOVED or code & 0xFF in _DAMAGE:
            raise LedgerError(
                f"the ledger {path} is damaged: {told}",
                hint=RESTORE,
            ) from error
        if code & 0xFF in _DISK_ERRORS:
            raise RemoteError(Cause.DISK, f"the ledger {path}: {told}{_why(path)}") from error
        raise


def _why(path: Path) -> str:
    """Return the system's word for a file that cannot be opened, which SQLite keeps to itself."""
    try:
        path.stat()  # not opened: to close it would give up SQLite's locks
    except OSError as error:
        return f": {error.strerror}"
    return "" if os.access(path, os.R_OK) else f": {os.strerror(errno.EACCES)}"
