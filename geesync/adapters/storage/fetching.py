"""Brings objects to disk: work on plain values, for a process beside the daemon or afar."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from itertools import takewhile
from pathlib import Path

from geesync.adapters.executors.executor import SMALL_BYTES, Results
from geesync.adapters.mirror_files.folders import Folders
from geesync.adapters.mirror_files.group_sync import WORTH_IT_FROM, GroupSync, Waiting
from geesync.adapters.mirror_files.landing import Landing, make_durable, unproved
from geesync.adapters.storage.stores import ObjectSource
from geesync.adapters.transfer.curl_loop import outcome, turns
from geesync.adapters.transfer.signed_requests import TooSlowError
from geesync.domain.failures.shared_failures import Calls
from geesync.domain.mirror.coverage import StoredObject
from geesync.errors import Cause, RemoteError
from geesync.logger import get_logger

log = get_logger()

#: A disk does better with several.
_SYNCS_AT_ONCE = 4

#: Times that one object is taken up again in one pass while each brings new bytes.
_RESUMES = 20


@dataclass(frozen=True)
class Fetch:
    """One object that is to be brought to disk."""

    path: str  #: the asset's, relative to the mirror
    file: str  #: the final name
    token: str  #: of the export that wrote the object
    bucket: str
    obj: StoredObject


async def fetch(job: Fetch, source: ObjectSource, folders: Folders) -> str:
    """Bring every byte to disk; return the name that the file bears.

    It is one of its own, unless the bytes are there already. The file and the folders that were
    made for it are yet to be synced. Raises RemoteError or MirrorError.
    """
    with folders.folder(job.path, durable=False) as place:
        for name in () if place.is_new else (job.file, unproved(job.file, job.token)):
            if place.holds(name, job.obj):
                return name  # an older copy has the same bytes, or the power failed: all is here
        with Landing(place, job.file, job.token, job.obj) as landing:
            await _bring(job, source, landing)
        return landing.name


def fetch_all(
    source: ObjectSource, mirror: str, at_once: int, jobs: Sequence[Fetch]
) -> Iterator[Results[str]]:
    """Bring objects to one mirror's disk, so many at a time; yield the names that files bear.

    After a refusal that concerns all, or in an outage, the rest are not answered.
    What is answered is durable: small ones are synced with one another, large ones one by one while
    others still come. The folders that were made for them are yet to be.
    """
    small = sum(job.obj.size_bytes <= SMALL_BYTES for job in jobs)
    with ExitStack() as opened:
        folders = opened.enter_context(closing(Folders(Path(mirror))))
        # The disk is open from before the first byte is written: it tells what failed since.
        disk = opened.enter_context(GroupSync(folders)) if small >= WORTH_IT_FROM else None
        pool = opened.enter_context(ThreadPoolExecutor(_SYNCS_AT_ONCE))
        syncing = _Syncing(folders, jobs, pool, Waiting(disk), SMALL_BYTES if disk else -1)
        calls = Calls(unknown_too=True)
        tried = takewhile(lambda _: source.keep_on() and not calls.refusal(), jobs)
        works = (outcome(fetch(job, source, folders), calls) for job in tried)
        for ended in turns(works, at_once=at_once, stopping=lambda: not source.keep_on()):
            yield from syncing.take(ended)
        yield from syncing.rest()


@dataclass(frozen=True)
class _Syncing:
    """Makes durable what came: small ones with one another, the others one by one."""

    folders: Folders
    jobs: Sequence[Fetch]
    pool: ThreadPoolExecutor
    small: Waiting[str | Exception]
    small_bytes: int  #: at most
    alone: dict[Future[None], tuple[int, str]] = field(default_factory=dict)

    def take(self, ended: Results[str]) -> Iterator[Results[str]]:
        """Take what just ended; yield what failed, or is durable now."""
        for number, answer in ended:
            job = self.jobs[number]
            if isinstance(answer, Exception):
                self.small.add(number, answer, job.path, ())
            elif job.obj.size_bytes <= self.small_bytes:
                self.small.add(number, answer, job.path, [answer])
            else:
                self.alone[self.pool.submit(self._sync, job.path, answer)] = number, answer
        yield self.small.durable()
        yield from self._done(future for future in tuple(self.alone) if future.done())

    def rest(self) -> Iterator[Results[str]]:
        """Yield the rest: nothing more comes."""
        yield self.small.durable(rest=True)
        yield from self._done(as_completed(tuple(self.alone)))

    def _sync(self, path: str, name: str) -> None:
        with self.folders.folder(path, create=False) as place:
            make_durable(place, name)

    def _done(self, futures: Iterable[Future[None]]) -> Iterator[Results[str]]:
        for future in futures:
            number, name = self.alone.pop(future)
            error = future.exception()
            yield [(number, error if isinstance(error, Exception) else name)]


async def _bring(job: Fetch, source: ObjectSource, landing: Landing) -> None:
    """Resume a broken transfer while it moves; start a damaged one anew, once.

    One that trickles is left for later: others wait for what is done together with it.
    """
    fresh_start_left = True
    for _ in range(_RESUMES):
        before = landing.progress
        try:
            await landing.fetch(partial(source.fetch, job.bucket, job.obj), source.keep_on)
        except TooSlowError:
            raise
        except RemoteError as error:
            if error.cause == Cause.INTEGRITY and fresh_start_left:
                fresh_start_left = False
            elif (
                error.cause != Cause.TRANSIENT or landing.progress <= before or not source.keep_on()
            ):
                raise
            log.info("download_resumed", error=str(error))
        else:
            return
    raise RemoteError(Cause.TRANSIENT, f"it broke {_RESUMES} times on the way")
