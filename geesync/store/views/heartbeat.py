"""The daemon's sign of life: when it was given last, and whether who gave it is still there."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from geesync.domain.json import from_seconds
from geesync.store.file.soundness import reading

#: A heartbeat older than this is no sign of life.
_HEARTBEAT_AGE = timedelta(seconds=30)

_PROC = Path("/proc")


def heartbeat(path: Path, *, now: datetime) -> dict[str, Any] | None:
    """Return the daemon's sign of life; None if it gives none."""
    with reading(path) as connection:
        row = connection.execute("SELECT * FROM setting WHERE key = 'heartbeat'").fetchone()
        return read_beat(row, now)


def read_beat(row: sqlite3.Row | None, now: datetime) -> dict[str, Any] | None:
    """Return the heartbeat of a row of settings; None if it is no sign of life."""
    # One of the future was left by a clock that was ahead.
    if row is None or abs(now.timestamp() - row["at"]) > _HEARTBEAT_AGE.total_seconds():
        return None
    beat: dict[str, Any] = json.loads(row["value"])
    return None if _has_ended(beat) else beat


def heartbeat_at(path: Path) -> datetime | None:
    """Return when the daemon last gave a sign of life; None if it never did."""
    with reading(path) as connection:
        row = connection.execute("SELECT at FROM setting WHERE key = 'heartbeat'").fetchone()
        return from_seconds(row and row["at"])


def pid_namespace() -> str:
    """Return the id of this process's PID namespace; "" if it cannot be read."""
    try:
        return str((_PROC / "self/ns/pid").readlink())
    except OSError:
        return ""


def _has_ended(beat: dict[str, Any]) -> bool:
    """Whether the process of a heartbeat is gone, as far as that can be seen from here."""
    here = pid_namespace()
    is_ours = bool(here) and beat.get("pid_namespace") == here
    return is_ours and not (_PROC / str(beat.get("pid"))).exists()
