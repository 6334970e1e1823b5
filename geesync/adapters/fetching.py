"""Brings one object to disk: a function of plain values, for a thread here or a worker afar."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import structlog

from geesync.adapters.folders import Folders
from geesync.adapters.landing import Landing, make_durable, unproved
from geesync.adapters.transfer import Sink
from geesync.adapters.wire import run
from geesync.domain.coverage import StoredObject
from geesync.errors import Cause, RemoteError

log = structlog.get_logger()

#: Times that one object is taken up again in one pass while each brings new bytes.
_RESUMES = 20


@dataclass(frozen=True)
class Fetch:
    """One object that is to be brought to disk."""

    mirror: str  #: its folder
    path: str  #: the asset's, relative to the mirror
    file: str  #: the final name
    token: str  #: of the export that wrote the object
    bucket: str
    obj: StoredObject


class Line(Protocol):
    """The way from the bucket, as fast as it may be used."""

    async def fetch(self, bucket: str, obj: StoredObject, sink: Sink, start: int) -> None:
        """Write one generation's bytes from an offset on into the sink; raises RemoteError."""

    def keep_on(self) -> bool:
        """Asked between two pieces; False ends the transfer."""


async def fetch(job: Fetch, line: Line, folders: Folders) -> str:
    """Bring every byte to disk; return the name that the file bears.

    It is one of its own, unless the bytes are there already. The file and the folders that were
    made for it are yet to be synced. Raises RemoteError or MirrorError.
    """
    with folders.folder(job.path, durable=False) as place:
        for name in () if place.is_new else (job.file, unproved(job.file, job.token)):
            if place.holds(name, job.obj):
                return name  # an older copy has the same bytes, or the power failed: all is here
        with Landing(place, job.file, job.token, job.obj) as landing:
            into = partial(line.fetch, job.bucket, job.obj)
            await _persistently(lambda: landing.fetch(into, line.keep_on), lambda: landing.progress)
        return landing.name


def fetch_durably(job: Fetch, line: Line) -> str:
    """Do the same by itself, to the end: the file is on the disk. For a worker elsewhere."""
    with closing(Folders(Path(job.mirror))) as folders:
        (name,) = run([fetch(job, line, folders)], stopping=lambda: not line.keep_on())
        with folders.folder(job.path) as place:
            make_durable(place, name)
    return name


async def _persistently(
    attempt: Callable[[], Awaitable[None]], progress: Callable[[], int]
) -> None:
    """Resume a broken transfer while it moves; start a damaged one anew, once."""
    fresh_start_left = True
    for _ in range(_RESUMES):
        before = progress()
        try:
            await attempt()
        except RemoteError as error:
            if error.cause == Cause.INTEGRITY and fresh_start_left:
                fresh_start_left = False
            elif error.cause != Cause.TRANSIENT or progress() <= before:
                raise
            log.info("download_resumed", error=str(error))
        else:
            return
    raise RemoteError(Cause.TRANSIENT, f"it broke {_RESUMES} times on the way")
