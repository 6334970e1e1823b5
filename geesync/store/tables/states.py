"""States and kinds as SQL writes them, so that no question spells one by itself."""

from __future__ import annotations

from collections.abc import Iterable

from geesync.domain.assets.asset import CONTAINERS
from geesync.domain.assets.names import DERIVED
from geesync.domain.derive import lifecycle as derive
from geesync.domain.mirror.lifecycle import RESTING, Recovered, State
from geesync.domain.restore import lifecycle as restore
from geesync.domain.tasks import lifecycle as tasks
from geesync.domain.tasks.exports import Way
from geesync.domain.tasks.lifecycle import (
    ASSETS,
    DRIVE,
    DestinationKind,
    SubjectKind,
    TaskKind,
    TaskState,
)


def quoted(states: Iterable[str]) -> str:
    """Return states as SQL writes a list of them, without its brackets."""
    return ", ".join(f"'{state}'" for state in states)


ASSET_STATES = quoted(State)
ASSET_COPIED = quoted((State.VERIFIED, State.GONE, State.FREED))
ASSET_MOVING = quoted(state for state in State if state not in RESTING)

#: The revision of an asset of which only the name is known.
UNREAD = ""

CONTAINER_TYPES = quoted(sorted(CONTAINERS))


def below(name: str, container: str) -> str:
    """Return whether a name lies below another, however deep, in SQL; 0 follows /."""
    return f"({name} > {container} || '/' AND {name} < {container} || '0')"


BELOW = below("asset.name", ":name")
#: Whether an asset has the name ``:name``, or lies below it.
WITHIN = f"(asset.name = :name OR {BELOW})"

#: The setting that pauses everything; with a colon and a name, an asset and all below it.
PAUSED = "paused"
PAUSED_BELOW = f"{PAUSED}:"


def is_paused(name: str) -> str:
    """Return whether such a setting pauses what has this name, in SQL.

    name: a column. ; follows :.
    """
    paused = "substr(key, 8)"
    return f"""EXISTS (SELECT 1 FROM setting WHERE key = '{PAUSED}'
 OR (key BETWEEN '{PAUSED_BELOW}' AND '{PAUSED};' AND ({name} = {paused}
  OR {below(name, paused)})))"""  # noqa: S608 # our own words


IS_PAUSED = is_paused("asset.name")

#: Whether a recovered copy is known by its sidecars only: its root must be scanned first.
IS_UNSEEN = f"""(root.scanned_at IS NULL AND root.name NOT LIKE '{DERIVED}%'
 AND asset.state = '{State.DOWNLOADED}' AND EXISTS (SELECT 1 FROM event
  WHERE event.asset_id = asset.id AND event.name = '{Recovered.__name__}'))"""  # noqa: S608 # our own words


def is_making_paused(target: str, job: str) -> str:
    """Return whether an asset that is to be made waits for the end of a pause, in SQL.

    target, job: columns. A pause of its job counts, and of a root that it lies in.
    """
    in_root = f"({target} = root.name OR {below(target, 'root.name')})"
    of_root = f"SELECT 1 FROM root WHERE paused_at IS NOT NULL AND removed_at IS NULL AND {in_root}"  # noqa: S608 # our own words
    return f"({is_paused(target)} OR {is_paused(job)} OR EXISTS ({of_root}))"


#: Of what is made at Earth Engine: by restores, and by jobs.
MAKING_MOVING = quoted({*restore.LIFE.moving, *derive.LIFE.moving})

TASK_STATES = quoted(TaskState)
TASK_LIVE = quoted(tasks.LIVE)
TASK_IN_FLIGHT = quoted(tasks.IN_FLIGHT)
#: Of those: written down, but not sent yet.
TASK_UNSENT = quoted((tasks.TaskState.INTENDED,))

#: The store that the result of a task goes to, in SQL: as ``Destination.store`` says.
TASK_STORE = (
    f"CASE destination_kind WHEN '{DestinationKind.DRIVE}' THEN '{DRIVE}'"
    f" WHEN '{DestinationKind.BUCKET}' THEN destination ELSE '{ASSETS}' END"
)

#: The store that the files of an asset go to, in SQL, as its plan says; null while that is not
#: decided, and for what comes directly. Joins the asset's root.
ASSET_STORE = (
    f"CASE asset.way WHEN '{Way.DRIVE}' THEN '{DRIVE}' WHEN '{Way.BUCKET}' THEN root.bucket END"
)

SUBJECT_KINDS = quoted(SubjectKind)
TASK_KINDS = quoted(TaskKind)
DESTINATION_KINDS = quoted(DestinationKind)
WAYS = quoted(Way)
