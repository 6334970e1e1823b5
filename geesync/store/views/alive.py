"""Whether a process that left a sign of life is still there: one that was killed says nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_PROC = Path("/proc")


def pid_namespace() -> str:
    """Return what tells the numbers of processes here from those of other containers."""
    try:
        return str((_PROC / "self/ns/pid").readlink())
    except OSError:
        return ""


def has_ended(beat: dict[str, Any]) -> bool:
    """Whether the process of a heartbeat is gone, as far as that can be seen from here."""
    here = pid_namespace()
    is_ours = bool(here) and beat.get("pid_namespace") == here
    return is_ours and not (_PROC / str(beat.get("pid"))).exists()
