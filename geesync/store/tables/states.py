"""States as SQL writes them, so that no question spells one by itself."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from geesync.domain.mirror.lifecycle import RESTING, State
from geesync.domain.tasks import lifecycle as tasks
from geesync.domain.tasks.lifecycle import TaskState


def quoted(states: Iterable[StrEnum]) -> str:
    """Return states as SQL writes a list of them, without its brackets."""
    return ", ".join(f"'{state}'" for state in states)


ASSET_STATES = quoted(State)
ASSET_RESTING = quoted(state for state in State if state in RESTING)
ASSET_MOVING = quoted(state for state in State if state not in RESTING)

TASK_STATES = quoted(TaskState)
TASK_LIVE = quoted(tasks.LIVE)
TASK_IN_FLIGHT = quoted(tasks.IN_FLIGHT)
