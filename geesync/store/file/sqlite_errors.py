"""What errors of the ledger's file mean: a disk in trouble, which passes, or damage."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from geesync.errors import Cause, RemoteError, damaged

#: SQLite's words for a disk that is full, failing, read-only or not ours to read: they pass.
_DISK_ERRORS = frozenset(
    {
        *(sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY),
        *(sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_PERM),
        *(sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOMEM),
    }
)
_DAMAGE = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's and the system's errors into ours: the disk's delay, damage ends the daemon."""
    try:
        yield
    except OSError as error:
        raise RemoteError(Cause.DISK, f"the ledger {path}: {error.strerror}") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:  # of a text that a row holds
        raise damaged(f"a text in it cannot be read: {error}", path) from error
    except Exception as error:
        original = getattr(error, "orig", error)  # as SQLAlchemy wraps it
        code = getattr(original, "sqlite_errorcode", 0)
        emptied = code == sqlite3.SQLITE_ERROR and "no such table" in str(original)
        emptied |= code == sqlite3.SQLITE_READONLY_DBMOVED or "Could not decode" in str(original)
        if emptied or code & 0xFF in _DAMAGE:
            raise damaged(original, path) from error
        if code & 0xFF in _DISK_ERRORS:
            raise RemoteError(Cause.DISK, f"the ledger {path}: {original}{_why(path)}") from error
        raise


def _why(path: Path) -> str:
    """Return the system's word for a file that cannot be opened, which SQLite keeps to itself."""
    try:
        path.stat()  # not opened: to close it would give up SQLite's locks
        os.close(os.open(os.devnull, os.O_RDONLY))  # whether any file can be
    except OSError as error:
        return f": {error.strerror}"
    return "" if os.access(path, os.R_OK) else f": {os.strerror(errno.EACCES)}"
