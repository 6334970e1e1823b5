"""The life of what a person's function makes of one image.

Planned when the function's expression is known; made when Earth Engine has it, with the marks of
this very job, source, revision and expression.
"""

from __future__ import annotations

from enum import StrEnum

from geesync.domain.state_machine import (
    Cancelled,
    Delayed,
    Differs,
    Event,
    Life,
    Made,
    Retried,
    Setback,
    Superseded,
    Table,
    TaskIntended,
)


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


#: States in which nothing is left to do by itself.
AT_REST = frozenset({DerivedState.MADE, DerivedState.QUARANTINED, DerivedState.CANCELLED})

#: By state, then by event: the state that follows. Drawn in docs/state-machine.md.
TABLE: Table[DerivedState, Event] = {
    DerivedState.PLANNED: {
        TaskIntended: DerivedState.EXPORTING,
        Made: DerivedState.MADE,  # a lost ledger finds again what was made
        Delayed: DerivedState.PLANNED,
        Setback: DerivedState.PLANNED,
        Differs: DerivedState.QUARANTINED,
        Cancelled: DerivedState.CANCELLED,
        Superseded: DerivedState.CANCELLED,  # by another function, before anything was asked
    },
    DerivedState.EXPORTING: {
        Made: DerivedState.MADE,
        Delayed: DerivedState.EXPORTING,
        Setback: DerivedState.PLANNED,
        Differs: DerivedState.QUARANTINED,
        Cancelled: DerivedState.CANCELLED,
    },
    DerivedState.MADE: {Superseded: DerivedState.CANCELLED},
    DerivedState.QUARANTINED: {
        Retried: DerivedState.PLANNED,
        Cancelled: DerivedState.CANCELLED,
        Superseded: DerivedState.CANCELLED,
    },
    DerivedState.CANCELLED: {},
}

LIFE = Life(TABLE, DerivedState.PLANNED, DerivedState.QUARANTINED, AT_REST)
