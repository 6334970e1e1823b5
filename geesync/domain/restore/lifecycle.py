"""The life of an asset that is made again at Earth Engine from the mirror.

As everywhere a state names what is true already, so that a crash can never make it a lie: nothing
is called restored that was not seen there, and nothing proved that was not compared.
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
    Refused,
    Retried,
    Setback,
    Superseded,
    Table,
    TaskIntended,
)


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


class FilesStaged(Event):
    """All its files are in the bucket."""


class ProofPassed(Event):
    """It is what the mirror holds, but for the losses that were named before."""


#: By state, then by event: the state that follows. Drawn in docs/state-machine.md.
TABLE: Table[RestoreState, Event] = {
    RestoreState.PLANNED: {
        FilesStaged: RestoreState.STAGED,
        Made: RestoreState.RESTORED,  # a container, or what an earlier run had made
        Delayed: RestoreState.PLANNED,
        Setback: RestoreState.PLANNED,
        Differs: RestoreState.QUARANTINED,
        Cancelled: RestoreState.CANCELLED,
    },
    RestoreState.STAGED: {
        TaskIntended: RestoreState.IMPORTING,
        Made: RestoreState.RESTORED,
        Refused: RestoreState.QUARANTINED,
        Delayed: RestoreState.STAGED,
        Setback: RestoreState.PLANNED,
        Differs: RestoreState.QUARANTINED,
        Cancelled: RestoreState.CANCELLED,
    },
    RestoreState.IMPORTING: {
        Made: RestoreState.RESTORED,
        Delayed: RestoreState.IMPORTING,
        Setback: RestoreState.PLANNED,
        Differs: RestoreState.QUARANTINED,
        Cancelled: RestoreState.CANCELLED,
    },
    RestoreState.RESTORED: {
        ProofPassed: RestoreState.PROVED,
        Delayed: RestoreState.RESTORED,
        Setback: RestoreState.RESTORED,
        Differs: RestoreState.QUARANTINED,
        Cancelled: RestoreState.CANCELLED,
    },
    RestoreState.PROVED: {Superseded: RestoreState.CANCELLED},
    RestoreState.QUARANTINED: {Retried: RestoreState.PLANNED, Cancelled: RestoreState.CANCELLED},
    RestoreState.CANCELLED: {},
}

LIFE = Life(TABLE, RestoreState.PLANNED, RestoreState.QUARANTINED, AT_REST)
