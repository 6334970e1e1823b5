"""A new ledger for a test: as the migrations make it, but none pays for what all have alike."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import CompiledCacheType

from geesync.store.file.database import Database, open_current, open_migrating

#: Each statement as text, which SQLAlchemy keeps for as long as an engine lives; ours live briefly.
COMPILED: CompiledCacheType = sa.util.LRUCache(2000)


def open_fresh(path: Path) -> Database:
    """Open a ledger as the daemon does; if there is none, it is made as a copy."""
    if not path.exists():
        path.write_bytes(_as_migrated())
    database = open_migrating(path)
    for engine in (database._reader, database._writer):
        engine.dialect = _dialect()  # whose statements these are is a part of their key
        engine.update_execution_options(compiled_cache=COMPILED)
    return database


@cache
def _as_migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "geesync.db")
        open_current(path).close()
        return path.read_bytes()


@cache
def _dialect() -> sa.Dialect:
    engine = sa.create_engine("sqlite://")
    with engine.connect():  # makes it complete
        return engine.dialect
