"""A new ledger, as the migrations make it: made once in a process, then copied."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from geesync.store.file.database import Database, open_current, open_migrating


def open_fresh(path: Path) -> Database:
    """Open a ledger as the daemon does; if there is none, it is made as a copy."""
    if not path.exists():
        path.write_bytes(_as_migrated())
    return open_migrating(path)


@cache
def _as_migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "geesync.db")
        open_current(path).close()
        return path.read_bytes()
