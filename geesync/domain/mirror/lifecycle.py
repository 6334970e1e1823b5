"""The life of an asset: which state comes next. Nothing else in geesync decides this.

A state names what is already true, so that a crash can never make it a lie.
"""

from __future__ import annotations

from enum import StrEnum

from geesync.domain import state_machine
from geesync.domain.state_machine import (
    Delayed,
    Event,
    Excused,
    Life,
    Refused,
    Retried,
    Setback,
    Table,
)
from geesync.errors import Cause


class State(StrEnum):
    """What is true of an asset."""

    #: Earth Engine lists it, at this revision; its full metadata is saved. Taken by the Exporter.
    DISCOVERED = "discovered"
    #: Every part that needs a task has one at Earth Engine. Taken by the Reconciler.
    EXPORTING = "exporting"
    #: All objects of all parts are in the bucket, generations pinned. Taken by the Downloader.
    IN_BUCKET = "in_bucket"
    #: All that its plan wants is on disk, every byte, and not yet proved. Taken by the Verifier.
    DOWNLOADED = "downloaded"
    #: Read back, agrees with the source's own figures, under its final name. Rests.
    VERIFIED = "verified"
    #: Its own failures used up its tries; a person must look; the reason is stored. Rests.
    QUARANTINED = "quarantined"
    #: Proved absent upstream; local files are kept. Rests.
    GONE = "gone"
    #: Deleted at Earth Engine on a person's word; its copy here is the only one. Rests.
    FREED = "freed"
    #: A filter of its root leaves it out, and it was not yet on its way. Rests.
    EXCLUDED = "excluded"


#: States in which nothing is left to do by itself.
RESTING = frozenset({State.VERIFIED, State.QUARANTINED, State.GONE, State.FREED, State.EXCLUDED})

#: States of what Earth Engine has no longer: a copy of it here is the only one.
ABSENT = frozenset({State.GONE, State.FREED})

#: States of what need not be in the mirror: no share of it counts them.
UNWANTED = ABSENT | {State.EXCLUDED}


class ExportStarted(Event):
    """Earth Engine has taken an export for every part."""


class NothingToExport(Event):
    """It has no parts: a folder, a collection, or what has no form as a file."""


class ExportsSucceeded(Event):
    """Every object of every part is in the bucket, complete."""


class DownloadFinished(Event):
    """Every object is on disk, its checksum equal to the bucket's."""


class Fetched(Event):
    """Every part was read from Earth Engine straight to disk, without a task."""


#: How an asset comes home, but for its proof.
ON_ITS_WAY = (ExportStarted, NothingToExport, ExportsSucceeded, DownloadFinished, Fetched)


class Recovered(Event):
    """A new ledger, or an older one, found all its files in the mirror, as their sidecars tell."""


class CheckPassed(Event):
    """The files agree with Earth Engine's metadata and bear their final names."""


class SourceChanged(Event):
    """Earth Engine lists another revision."""


class SourceGone(Event):
    """Proved absent upstream."""


class SourceFreed(Event):
    """Deleted there on a person's word, its copy here being proved a moment before."""


class SourceReappeared(Event):
    """Listed again after it was gone, or freed."""


class FoundDamaged(Event):
    """A check found files missing or altered, and a person asked for them to be mended."""


class Excluded(Event):
    """A filter of its root leaves it out from now on."""


class Included(Event):
    """No filter of its root leaves it out any more."""


class ExportFailed(Setback):
    """An export operation failed, or ended without its files."""


class DownloadFailed(Setback):
    """What lies in the bucket did not come, and nobody knows why; it is still there."""


class FetchFailed(Setback):
    """It could not be read from Earth Engine, or not in this form, or as something else."""


class StagedCopyLost(Setback):
    """Objects vanished or changed in the bucket before they were on disk, or are damaged there."""


class CheckFailed(Setback):
    """The files differ from what Earth Engine's metadata says."""


#: By state, then by event: the state that follows. Drawn in docs/state-machine.md.
TABLE: Table[State, Event] = {
    State.DISCOVERED: {
        ExportStarted: State.EXPORTING,
        Fetched: State.DOWNLOADED,
        NothingToExport: State.DOWNLOADED,
        Recovered: State.DOWNLOADED,
        ExportFailed: State.DISCOVERED,
        FetchFailed: State.DISCOVERED,
        Delayed: State.DISCOVERED,
        Excused: State.DISCOVERED,
        Refused: State.QUARANTINED,
        Excluded: State.EXCLUDED,
        SourceChanged: State.DISCOVERED,
        SourceGone: State.GONE,
    },
    State.EXPORTING: {
        Recovered: State.DOWNLOADED,
        ExportsSucceeded: State.IN_BUCKET,
        ExportFailed: State.DISCOVERED,
        Delayed: State.EXPORTING,
        Excused: State.EXPORTING,
        Refused: State.QUARANTINED,
        SourceChanged: State.DISCOVERED,
        SourceGone: State.GONE,
    },
    State.IN_BUCKET: {
        Recovered: State.DOWNLOADED,
        DownloadFinished: State.DOWNLOADED,
        DownloadFailed: State.IN_BUCKET,
        StagedCopyLost: State.DISCOVERED,
        Delayed: State.IN_BUCKET,
        Excused: State.IN_BUCKET,
        Refused: State.QUARANTINED,
        SourceChanged: State.DISCOVERED,
        SourceGone: State.GONE,
    },
    State.DOWNLOADED: {
        CheckPassed: State.VERIFIED,
        CheckFailed: State.DISCOVERED,
        Delayed: State.DOWNLOADED,
        Refused: State.QUARANTINED,
        SourceChanged: State.DISCOVERED,
        SourceGone: State.GONE,
    },
    State.VERIFIED: {
        FoundDamaged: State.DISCOVERED,
        SourceChanged: State.DISCOVERED,
        SourceFreed: State.FREED,
        SourceGone: State.GONE,
    },
    State.QUARANTINED: {
        Retried: State.DISCOVERED,
        Excluded: State.EXCLUDED,
        SourceChanged: State.DISCOVERED,
        SourceGone: State.GONE,
    },
    State.GONE: {SourceReappeared: State.DISCOVERED},
    State.FREED: {SourceReappeared: State.DISCOVERED},
    State.EXCLUDED: {Included: State.DISCOVERED, SourceGone: State.GONE},
}

#: Events after which the asset's failures no longer count against it.
_FRESH_START = (CheckPassed, SourceChanged, SourceReappeared, Included, Retried)

LIFE = Life(
    *(TABLE, State.DISCOVERED, State.QUARANTINED, RESTING, _FRESH_START),
    at_once=frozenset({Cause.PLAN}),  # with another plan it is another ask
)

#: Where an asset stands.
Standing = state_machine.Standing[State]


def is_coming_home(standing: Standing) -> bool:
    """Whether a copy that no longer needs the asset itself is on its way to the mirror."""
    if standing.state == State.EXPORTING:
        return standing.cause != Cause.GONE  # else the export did not find it
    return standing.state in {State.IN_BUCKET, State.DOWNLOADED}
