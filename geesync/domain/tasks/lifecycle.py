"""What a task is, and its life: what Earth Engine was asked to do, where that goes, how it ended.

A task is written down before it is sent, so a crash can only leave one that may be running, never
one that nobody knows of. The same task is sent again with the same request id; one that has ended
is never sent again: whoever still wants the work makes a new task, with an id of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from geesync.domain.json import Json
from geesync.domain.state_machine import Table
from geesync.errors import Cause


class SubjectKind(StrEnum):
    """For whom a task works."""

    ASSET = "asset"  #: an asset of the mirror: its bytes are to come home
    RESTORE = "restore"  #: an asset that is to be made again from the mirror
    DERIVED = "derived"  #: what a person's own function makes of an asset


class TaskKind(StrEnum):
    """What is asked for, by the method of Earth Engine's REST API that is called."""

    IMAGE_EXPORT = "image:export"
    TABLE_EXPORT = "table:export"
    IMAGE_IMPORT = "image:import"
    TABLE_IMPORT = "table:import"


#: What the place of a destination begins with that is a folder of Drive: no bucket is called so.
DRIVE = "drive:"

#: Where assets are made: all that Earth Engine keeps.
ASSETS = "assets:"


class DestinationKind(StrEnum):
    """Where the result goes."""

    BUCKET = "bucket"
    DRIVE = "drive"
    ASSET = "asset"
    NONE = "none"


#: What is brought home from there, and then deleted.
STAGED = (DestinationKind.BUCKET, DestinationKind.DRIVE)


@dataclass(frozen=True)
class Subject:
    """For whom a task works; of its life the task knows nothing."""

    kind: SubjectKind
    id: int  #: in the table of its kind
    name: str  #: for people, and for the token
    revision: str


@dataclass(frozen=True)
class Destination:
    """Where a result goes."""

    kind: DestinationKind
    place: str = ""  #: the bucket, ``drive:FOLDER``, or the asset's canonical name
    prefix: str = ""  #: what the names of the objects or files begin with

    @property
    def store(self) -> str:
        """What a refusal concerns as a whole: the bucket, all of Drive, or all assets."""
        return store_of(self.place) if self.kind in STAGED else ASSETS

    @property
    def stem(self) -> str:
        """What the files' names begin with, before tile numbers and extension."""
        return self.prefix.rpartition("/")[2]


def store_of(place: str) -> str:
    """Return the store of a bucket or of a folder of Drive."""
    return DRIVE if place.startswith(DRIVE) else place


def store_name(store: str) -> str:
    """Return what people call a store."""
    return {DRIVE: "Drive", ASSETS: "Earth Engine assets"}.get(store, f"bucket {store}")


class TaskState(StrEnum):
    """What is true of a task."""

    #: Written down; Earth Engine may not have heard of it. Sent by the submitter, if need be again.
    INTENDED = "intended"
    #: Earth Engine may have started it, and did not say which operation. Looked for by its token.
    UNCLEAR = "unclear"
    #: Its operation is known; what that makes was not seen yet. Followed by the reconciler.
    RUNNING = "running"
    #: Its operation ended well, and all that it made was seen. Of use until it is given up.
    SUCCEEDED = "succeeded"
    #: Its operation failed, or ended without what it was to make.
    FAILED = "failed"
    #: What it made is not what it must be.
    DISPROVED = "disproved"
    #: Somebody cancelled its operation.
    CANCELLED = "cancelled"
    #: It was looked for long enough, and no operation has its token.
    LOST = "lost"
    #: Earth Engine did not take it: no operation began.
    REFUSED = "refused"
    #: Nobody wants what it makes any more: another revision, another plan, or damaged since.
    ABANDONED = "abandoned"


#: States in which Earth Engine may still be working on a task: these fill the queue.
IN_FLIGHT = (TaskState.INTENDED, TaskState.UNCLEAR, TaskState.RUNNING)

#: States in which a task may still bring what it is to make, or has brought it.
LIVE = (*IN_FLIGHT, TaskState.SUCCEEDED)

#: How a task may end at Earth Engine.
ENDINGS = tuple(state for state in TaskState if state not in {*IN_FLIGHT, TaskState.DISPROVED})


@dataclass(frozen=True)
class TaskEvent:
    """Something that happened to a task."""

    error: str = ""  #: for people; what was answered, or found
    cause: Cause | None = None


@dataclass(frozen=True)
class Started(TaskEvent):
    """An operation is known for it: it was answered, or found by its token."""

    operation: str = ""  #: id, the last path segment of its name


class Unanswered(TaskEvent):
    """It was sent, and no usable answer came: the same request is sent again."""


class MaybeStarted(TaskEvent):
    """Earth Engine says that something was started with its request id."""


class Refused(TaskEvent):
    """Earth Engine did not take it; its request id may be burnt by that."""


@dataclass(frozen=True)
class Ended(TaskEvent):
    """Its operation ended well; what it made is still to be seen."""

    eecu_s: float | None = None  #: compute used, in EECU-seconds


class Succeeded(TaskEvent):
    """All that it was to make is there."""


@dataclass(frozen=True)
class Failed(Ended):
    """Its operation failed, or what it was to make did not come in time."""


@dataclass(frozen=True)
class Cancelled(Ended):
    """Its operation was cancelled."""


class NeverSeen(TaskEvent):
    """No operation has its token, long after it was sent."""


class GivenUp(TaskEvent):
    """Nobody wants what it makes any more."""


@dataclass(frozen=True)
class Disproved(TaskEvent):
    """What it made was looked at, and is not what it must be."""

    found: Json = field(default_factory=dict)  #: what that taught for the next plan


#: By state, then by event: the state that follows. Drawn in docs/state-machine.md.
TABLE: Table[TaskState, TaskEvent] = {
    TaskState.INTENDED: {
        Started: TaskState.RUNNING,
        Unanswered: TaskState.INTENDED,
        MaybeStarted: TaskState.UNCLEAR,
        Refused: TaskState.REFUSED,
        Succeeded: TaskState.SUCCEEDED,  # found whole, by a ledger that replaces a lost one
        NeverSeen: TaskState.LOST,
        GivenUp: TaskState.ABANDONED,
    },
    TaskState.UNCLEAR: {
        Started: TaskState.RUNNING,
        Succeeded: TaskState.SUCCEEDED,  # found whole, though its operation never showed
        NeverSeen: TaskState.LOST,
        GivenUp: TaskState.ABANDONED,
    },
    TaskState.RUNNING: {
        Ended: TaskState.RUNNING,
        Succeeded: TaskState.SUCCEEDED,
        Failed: TaskState.FAILED,
        Cancelled: TaskState.CANCELLED,
        GivenUp: TaskState.ABANDONED,
    },
    TaskState.SUCCEEDED: {Disproved: TaskState.DISPROVED, GivenUp: TaskState.ABANDONED},
    TaskState.FAILED: {},
    TaskState.DISPROVED: {},
    TaskState.CANCELLED: {},
    TaskState.LOST: {},
    TaskState.REFUSED: {},
    TaskState.ABANDONED: {},
}
