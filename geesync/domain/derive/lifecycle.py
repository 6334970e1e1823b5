"""The life of what a person's function makes of one image.

Planned when the function's expression is known; made when Earth Engine has it, with the marks of
this very job, source, revision and expression: whatever answer was lost, it is known again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from geesync.domain import state_machine
from geesync.domain.state_machine import follow
from geesync.errors import WORLDLY, Cause


class DerivedState(StrEnum):
    """What is true of a result."""

    #: Its expression is known; nothing was asked for.
    PLANNED = "planned"
    #: An export into its place is written down or runs.
    EXPORTING = "exporting"
    #: Earth Engine has it, with our marks, on the grid that was asked for. Rests.
    MADE = "made"
    #: Its own failures used up its tries, or something else has its name. Rests.
    QUARANTINED = "quarantined"
    #: A person gave it up. Rests.
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class DerivedEvent:
    """Something that happened to a result."""

    reason: str = ""

    @property
    def name(self) -> str:
        """The event's name in the log."""
        return type(self).__name__


class ExportIntended(DerivedEvent):
    """Its export is written down, to be sent."""


class ResultMade(DerivedEvent):
    """Earth Engine has it, and it is ours."""


class DerivedCancelled(DerivedEvent):
    """A person gave it up."""


class DerivedRetried(DerivedEvent):
    """A person asked for another try."""


@dataclass(frozen=True)
class DerivedFailure(DerivedEvent):
    """Something that did not work, with its cause."""

    cause: Cause = Cause.FAILED


@dataclass(frozen=True)
class DerivedDelayed(DerivedFailure):
    """The world's failure: the same state, later. Never counted."""

    cause: Cause = Cause.TRANSIENT
    wait: timedelta = timedelta(minutes=1)


class DerivedSetback(DerivedFailure):
    """Its own failure, counted: the export failed."""


class NameTaken(DerivedFailure):
    """Something that is not ours has its name; it is never overwritten."""


#: By state, then by event: the state that follows. Drawn in docs/state-machine.md.
TABLE: state_machine.Table[DerivedState, DerivedEvent] = {
    DerivedState.PLANNED: {
        ExportIntended: DerivedState.EXPORTING,
        ResultMade: DerivedState.MADE,  # a lost ledger finds again what was made
        DerivedDelayed: DerivedState.PLANNED,
        DerivedSetback: DerivedState.PLANNED,
        NameTaken: DerivedState.QUARANTINED,
        DerivedCancelled: DerivedState.CANCELLED,
    },
    DerivedState.EXPORTING: {
        ResultMade: DerivedState.MADE,
        DerivedDelayed: DerivedState.EXPORTING,
        DerivedSetback: DerivedState.PLANNED,
        NameTaken: DerivedState.QUARANTINED,
        DerivedCancelled: DerivedState.CANCELLED,
    },
    DerivedState.MADE: {},
    DerivedState.QUARANTINED: {
        DerivedRetried: DerivedState.PLANNED,
        DerivedCancelled: DerivedState.CANCELLED,
    },
    DerivedState.CANCELLED: {
        DerivedRetried: DerivedState.PLANNED,
    },
}

#: The setback that is one too many.
MAX_TRIES = 5

_FIRST_WAIT = timedelta(minutes=2)
_WAIT_GROWS = 5
_LONGEST_WAIT = timedelta(hours=6)


@dataclass(frozen=True)
class DerivedStanding:
    """Where it stands."""

    state: DerivedState = DerivedState.PLANNED
    failures: int = 0
    not_before: datetime | None = None
    cause: Cause | None = None
    reason: str = ""


def advance_derived(
    standing: DerivedStanding, event: DerivedEvent, now: datetime
) -> DerivedStanding:
    """Return where it stands after the event. Raises IllegalEvent if that cannot happen."""
    after = follow(TABLE, standing.state, event)
    match event:
        case DerivedDelayed():
            later = now + min(event.wait, _LONGEST_WAIT)
            return replace(standing, not_before=later, cause=event.cause, reason=event.reason)
        case DerivedSetback():
            failures = standing.failures + (event.cause not in WORLDLY)
            told = event.cause, event.reason
            if failures >= MAX_TRIES:
                return DerivedStanding(DerivedState.QUARANTINED, failures, None, *told)
            wait = min(_FIRST_WAIT * _WAIT_GROWS ** max(failures - 1, 0), _LONGEST_WAIT)
            return DerivedStanding(after, failures, now + wait, *told)
        case DerivedFailure():
            return DerivedStanding(after, standing.failures, None, event.cause, event.reason)
        case DerivedRetried():
            return DerivedStanding(after)
        case _:
            return DerivedStanding(after, standing.failures)


def diagram() -> str:
    """Return the table as a Mermaid state diagram."""
    last = f"{DerivedState.PLANNED} --> {DerivedState.QUARANTINED}: the {MAX_TRIES}th setback"
    return state_machine.diagram(TABLE, DerivedState.PLANNED, (last,))
