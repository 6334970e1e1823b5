"""Downloads on their way: they go on when the pass that began them has ended, so none waits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue

from geesync.adapters.executors.executor import TICK_S
from geesync.adapters.fetching.fetching import Fetch, Line, fetch_all
from geesync.adapters.mirror_files.folders import Folders
from geesync.adapters.mirror_files.group_sync import Landed, settle
from geesync.adapters.mirror_files.landing import arrived_bytes
from geesync.domain.assets.names import display_id
from geesync.domain.messages.words import counted
from geesync.errors import Cause, GeesyncError, RemoteError
from geesync.logger import get_logger
from geesync.steps.step import Workshop
from geesync.store.copies.staging import Staged
from geesync.store.ledger.ledger import LedgerAsset

log = get_logger()

#: Batches of which something is left: each has a process for it, which takes memory.
_MOST_BATCHES = 4

#: Of whose bytes nothing reached the disk for so long comes at less than 9 kB/s: half a megabyte
#: is written at a time.
_SLOW_AFTER = timedelta(minutes=1)

Wanted = tuple[LedgerAsset, Staged]

#: An object, and why it was not fetched; of what was, anything else.
Result = tuple[Wanted, object]

_Answers = list[tuple[Fetch, object]]


@dataclass(eq=False)
class _Batch:
    """Objects of one mirror that were begun together."""

    dest: str
    left: dict[Fetch, Wanted]  #: without an answer so far
    at_once: int
    heard_at: datetime  #: when the last of them came
    seen: dict[Fetch, tuple[int | None, datetime]] = field(default_factory=dict)
    """Bytes on disk of each, and since when there are no more; None: it has not begun."""
    told: set[Fetch] = field(default_factory=set)  #: that they are slow
    is_over: bool = False  #: nobody waits for the rest

    @property
    def at_work(self) -> int:
        return min(self.at_once, len(self.left))


@dataclass
class Downloads:
    """Brings objects to disk."""

    workshop: Workshop
    line: Line
    at_once: int  #: objects on their way at a time
    _batches: list[_Batch] = field(default_factory=list, init=False)
    _came: SimpleQueue[tuple[_Batch, _Answers | None]] = field(
        default_factory=SimpleQueue, init=False
    )
    _threads: list[threading.Thread] = field(default_factory=list, init=False)

    @property
    def room(self) -> int:
        """How many more may be on their way."""
        if len(self._batches) >= _MOST_BATCHES:
            return 0
        return self.at_once - sum(batch.at_work for batch in self._batches)

    @property
    def are_under_way(self) -> bool:
        """Whether any are."""
        return bool(self._batches)

    @property
    def wanted(self) -> list[Wanted]:
        """What is on its way, or has its turn after that."""
        return [one for batch in self._batches for one in batch.left.values()]

    def begin(self, dest: str, wanted: list[Wanted]) -> None:
        """Take objects of one mirror on."""
        left = {_job(asset, staged): (asset, staged) for asset, staged in wanted}
        batch = _Batch(dest, left, self.room, self.workshop.clock())
        self._batches.append(batch)
        thread = threading.Thread(
            target=self._run, args=(batch, list(left)), name="geesync-downloads", daemon=True
        )
        self._threads = [*(one for one in self._threads if one.is_alive()), thread]
        thread.start()

    def next(self) -> list[Result]:
        """Return what came meanwhile, after a short while if nothing did."""
        try:
            batch, answers = self._came.get(timeout=TICK_S)
        except Empty:
            return []
        if answers is None:
            self._batches.remove(batch)
            return []
        batch.heard_at = self.workshop.clock()
        return [(batch.left.pop(job), answer) for job, answer in answers]

    def give_up(self) -> None:
        """Wait for nothing any more: what came is found on disk by who begins it again."""
        for batch in self._batches:
            batch.is_over = True
        self._batches, self._came = [], SimpleQueue()

    def end(self) -> None:
        """Return when nothing is held open any more, now that all is to stop."""
        self.give_up()
        for thread in self._threads:
            thread.join()

    def _run(self, batch: _Batch, jobs: list[Fetch]) -> None:
        came, left = self._came, set(jobs)
        share = self.workshop.executor.share(batch.at_once)
        work = partial(fetch_all, self.line, batch.dest, share)
        try:
            dispatched = self.workshop.dispatch(
                jobs, work, size_bytes=_size_bytes, at_once=batch.at_once
            )
            with closing(Folders(Path(batch.dest))) as folders, closing(dispatched):
                for fetched in dispatched:
                    if batch.is_over:
                        return
                    if fetched:
                        answers = list(_named(folders, fetched))
                        left.difference_update(job for job, _ in answers)
                        came.put((batch, answers))
        except Exception as error:  # noqa: BLE001 # it is the answer of those that had none
            came.put((batch, [(job, error) for job in left]))
        finally:
            came.put((batch, None))

    def slow(self) -> str:
        """Return what comes slowly, for people; the log is told once of each."""
        now = self.workshop.clock()
        slow: list[str] = []
        for batch in self._batches:
            if now - batch.heard_at >= _SLOW_AFTER:
                slow += self._slow(batch, now)
        more = f" and {counted(len(slow) - 1, 'other')}" if slow[1:] else ""
        return f"for {slow[0]}{more}: less than 9 kB a second comes" if slow else ""

    def _slow(self, batch: _Batch, now: datetime) -> Iterator[str]:
        """Yield the objects of which nothing reached the disk of late."""
        with closing(Folders(Path(batch.dest))) as folders:
            for job, (asset, _) in batch.left.items():
                here = _arrived_bytes(folders, job)
                before, since = batch.seen.get(job, (here, now))
                batch.seen[job] = (before, since) if here == before else (here, now)
                if here is not None and now - batch.seen[job][1] >= _SLOW_AFTER:
                    if job not in batch.told:
                        log.warning("download_slow", asset=asset.name, object=job.obj.name)
                    batch.told.add(job)
                    yield display_id(asset.name)


def _arrived_bytes(folders: Folders, job: Fetch) -> int | None:
    with suppress(GeesyncError, OSError), folders.folder(job.path, create=False) as place:
        return arrived_bytes(place, job.file, job.token)
    return None


def _job(asset: LedgerAsset, staged: Staged) -> Fetch:
    return Fetch(asset.path, staged.file, staged.token, staged.bucket, staged.obj)


def _size_bytes(job: Fetch) -> int:
    return job.obj.size_bytes


def _named(
    folders: Folders, fetched: list[tuple[Fetch, str | Exception]]
) -> Iterator[tuple[Fetch, object]]:
    """Sync what was fetched and give it its unproved names; yield what failed, for each.

    fetched: the name of each file now, or why it was not fetched.
    """
    landed = {
        job: Landed(job.path, name, job.file, job.token)
        for job, name in fetched
        if isinstance(name, str)
    }
    yield from ((job, _failure(error)) for job, error in fetched if isinstance(error, Exception))
    yield from zip(landed, settle(folders, list(landed.values())), strict=True)


def _failure(error: Exception) -> Exception:
    """Return what it means for an object: a killed process is the machine's trouble."""
    if isinstance(error, RemoteError) and error.cause == Cause.CRASHED:
        return RemoteError(Cause.TRANSIENT, str(error))
    return error
