"""The life of an asset that is made again at Earth Engine from the mirror.

As everywhere a state names what is true already, so that a crash can never make it a lie: nothing
is called restored that was not seen there, and nothing proved that was not compared.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from geesync.domain import state_machine
from geesync.domain.state_machine import follow
from geesync.errors import WORLDLY, Cause


class RestoreState(StrEnum):
    """What is true of an asset that is to be made again."""

    #: What it is to be made of is known; nothing of it is at Earth Engine. Taken by the Uploader.
    PLANNED = "planned"
    #: Every file that it is made of is in the bucket, CRC32C equal to the mirror's.
    STAGED = "staged"
    #: An ingestion is written down or runs. Followed by the Reconciler.
    IMPORTING = "importing"
    #: Earth Engine has it, and it is ours: it bears the key of this copy. Taken by the Prover.
    RESTORED = "restored"
    #: It was compared with the mirror, as thoroughly as was asked for. Rests.
    PROVED = "proved"
    #: Its own failures used up its tries, or it differs; a person must look. Rests.
    QUARANTINED = "quarantined"
    #: A person gave it up; what is at Earth Engine stays. Rests.
    CANCELLED = "cancelled"


#: States in which nothing is left to do by itself.
AT_REST = frozenset({RestoreState.PROVED, RestoreState.QUARANTINED, RestoreState.CANCELLED})


@dataclass(frozen=True)
class RestoreEvent:
    """Something that happened to an asset on its way back."""

    reason: str = ""  #: for people; what failed, on what

    @property
    def name(self) -> str:
        """The event's name in the history."""
        return type(self).__name__


class FilesStaged(RestoreEvent):
    """All its files are in the bucket."""


class ImportStarted(RestoreEvent):
    """Its ingestion is written down, to be sent."""


class Made(RestoreEvent):
    """Earth Engine has it, with the key of this copy: a container, or an ingestion that ended."""


class ProofPassed(RestoreEvent):
    """It is what the mirror holds, but for the losses that were named before."""


class RestoreCancelled(RestoreEvent):
    """A person gave it up."""


class RestoreRetried(RestoreEvent):
    """A person asked for another try."""


@dataclass(frozen=True)
class RestoreFailure(RestoreEvent):
    """Something that did not work, with its cause."""

    cause: Cause = Cause.FAILED


@dataclass(frozen=True)
class RestoreDelayed(RestoreFailure):
    """The world's failure: the same state, later. Never counted."""

    cause: Cause = Cause.TRANSIENT
    wait: timedelta = timedelta(minutes=1)


class RestoreSetback(RestoreFailure):
    """The asset's own failure, counted: an ingestion that failed, files that were lost."""


class Differs(RestoreFailure):
    """It is not what the mirror holds: never called proved, and left for a person to look at."""


#: By state, then by event: the state that follows. Drawn in docs/state-machine.md.
TABLE: state_machine.Table[RestoreState, RestoreEvent] = {
    RestoreState.PLANNED: {
        FilesStaged: RestoreState.STAGED,
        Made: RestoreState.RESTORED,  # a container, or what an earlier run had made
        RestoreDelayed: RestoreState.PLANNED,
        RestoreSetback: RestoreState.PLANNED,
        Differs: RestoreState.QUARANTINED,
        RestoreCancelled: RestoreState.CANCELLED,
    },
    RestoreState.STAGED: {
        ImportStarted: RestoreState.IMPORTING,
        Made: RestoreState.RESTORED,
        RestoreDelayed: RestoreState.STAGED,
        RestoreSetback: RestoreState.PLANNED,
        Differs: RestoreState.QUARANTINED,
        RestoreCancelled: RestoreState.CANCELLED,
    },
    RestoreState.IMPORTING: {
        Made: RestoreState.RESTORED,
        RestoreDelayed: RestoreState.IMPORTING,
        RestoreSetback: RestoreState.PLANNED,
        Differs: RestoreState.QUARANTINED,
        RestoreCancelled: RestoreState.CANCELLED,
    },
    RestoreState.RESTORED: {
        ProofPassed: RestoreState.PROVED,
        RestoreDelayed: RestoreState.RESTORED,
        RestoreSetback: RestoreState.RESTORED,
        Differs: RestoreState.QUARANTINED,
        RestoreCancelled: RestoreState.CANCELLED,
    },
    RestoreState.PROVED: {},
    RestoreState.QUARANTINED: {
        RestoreRetried: RestoreState.PLANNED,
        RestoreCancelled: RestoreState.CANCELLED,
    },
    RestoreState.CANCELLED: {
        RestoreRetried: RestoreState.PLANNED,
    },
}

#: The setback that is one too many.
MAX_TRIES = 5

_FIRST_WAIT = timedelta(minutes=2)
_WAIT_GROWS = 5
_LONGEST_WAIT = timedelta(hours=6)


@dataclass(frozen=True)
class RestoreStanding:
    """Where it stands."""

    state: RestoreState = RestoreState.PLANNED
    failures: int = 0
    not_before: datetime | None = None  #: aware, UTC; None is at once
    cause: Cause | None = None
    reason: str = ""


def advance_restore(
    standing: RestoreStanding, event: RestoreEvent, now: datetime
) -> RestoreStanding:
    """Return where it stands after the event.

    Raises IllegalEvent if the event cannot happen in this state.
    """
    after = follow(TABLE, standing.state, event)
    match event:
        case RestoreDelayed():
            later = now + min(event.wait, _LONGEST_WAIT)
            return replace(standing, not_before=later, cause=event.cause, reason=event.reason)
        case RestoreSetback():
            return _set_back(standing, event, after, now)
        case RestoreFailure():
            return RestoreStanding(after, standing.failures, None, event.cause, event.reason)
        case RestoreRetried():
            return RestoreStanding(after)
        case _:
            return RestoreStanding(after, standing.failures)


def _set_back(
    standing: RestoreStanding, event: RestoreSetback, after: RestoreState, now: datetime
) -> RestoreStanding:
    failures = standing.failures + (event.cause not in WORLDLY)
    if failures >= MAX_TRIES:
        return RestoreStanding(RestoreState.QUARANTINED, failures, None, event.cause, event.reason)
    wait = min(_FIRST_WAIT * _WAIT_GROWS ** max(failures - 1, 0), _LONGEST_WAIT)
    return RestoreStanding(after, failures, now + wait, event.cause, event.reason)


def diagram() -> str:
    """Return the table as a Mermaid state diagram."""
    last = f"{RestoreState.PLANNED} --> {RestoreState.QUARANTINED}: the {MAX_TRIES}th setback"
    return state_machine.diagram(TABLE, RestoreState.PLANNED, (last,))
