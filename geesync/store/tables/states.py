"""States and kinds as SQL writes them, so that no question spells one by itself."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from geesync.domain.mirror.lifecycle import RESTING, State
from geesync.domain.tasks import lifecycle as tasks
from geesync.domain.tasks.exports import Way
from geesync.domain.tasks.lifecycle import TaskState
from geesync.domain.tasks.task import DestinationKind, SubjectKind, TaskKind


def quoted(states: Iterable[StrEnum]) -> str:
    """Return states as SQL writes a list of them, without its brackets."""
    return ", ".join(f"'{state}'" for state in states)


ASSET_STATES = quoted(State)
ASSET_RESTING = quoted(state for state in State if state in RESTING)
ASSET_MOVING = quoted(state for state in State if state not in RESTING)

#: The setting that pauses everything; with a colon and a name, an asset and all below it.
PAUSED = "paused"
PAUSED_BELOW = f"{PAUSED}:"
#: Whether a row of ``asset`` is paused by such a setting; 0 follows /, and ; follows :.
IS_PAUSED = f"""EXISTS (SELECT 1 FROM setting WHERE key = '{PAUSED}'
 OR (key BETWEEN '{PAUSED_BELOW}' AND '{PAUSED};' AND (asset.name = substr(key, 8)
  OR (asset.name > substr(key, 8) || '/' AND asset.name < substr(key, 8) || '0'))))"""  # noqa: S608 # our own words

TASK_STATES = quoted(TaskState)
TASK_LIVE = quoted(tasks.LIVE)
TASK_IN_FLIGHT = quoted(tasks.IN_FLIGHT)

SUBJECT_KINDS = quoted(SubjectKind)
TASK_KINDS = quoted(TaskKind)
EXPORT_KINDS = quoted((TaskKind.IMAGE_EXPORT, TaskKind.TABLE_EXPORT))
DESTINATION_KINDS = quoted(DestinationKind)
WAYS = quoted(Way)
