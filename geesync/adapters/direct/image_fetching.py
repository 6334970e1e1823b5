"""Brings images to disk, tile by tile: work on plain values, for a process beside the daemon.

One thread asks; what comes is decoded, compressed and read back by others meanwhile, for which GDAL
and numpy need no Python.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol

from geesync.adapters.direct.brought import Brought, DiffersError
from geesync.adapters.direct.image_files import Ask, ImageFiles, ImageJob, Progress
from geesync.adapters.direct.projections import full_crs
from geesync.adapters.direct.source import Source
from geesync.adapters.executors.executor import SMALL_BYTES, TICK_S, Results
from geesync.adapters.formats import cogs
from geesync.adapters.mirror_files.folders import Folders
from geesync.adapters.mirror_files.group_sync import WORTH_IT_FROM, GroupSync, Waiting
from geesync.domain.failures.shared_failures import Calls
from geesync.logger import get_logger

if TYPE_CHECKING:
    from geesync.adapters.formats.npy import Arrays
    from geesync.domain.assets.grid import Grid
    from geesync.domain.direct.fields import Field

log = get_logger()

#: Threads that decode and compress: as many as there are cores on the least machine.
_WRITERS = 2

#: Images of so few bytes are written by who asks: threads would take Python from one another.
_LITTLE_BYTES = 64 * 1024

#: Answers that are on their way or wait to be written, in bytes: what memory they may take.
_HELD_BYTES = 320 * 1024 * 1024


class Answers(Protocol):
    """What answers with the pixels of an image."""

    async def pixels(
        self, image: str, revision: str, fields: Sequence[Field], grid: Grid
    ) -> Arrays:
        """Return fields of an image on the grid of a tile. Raises RemoteError."""


def fetch_images(
    source: Source, mirror: str, jobs: Sequence[ImageJob], first: Answers | None = None
) -> Iterator[Results[Brought]]:
    """Bring images to one mirror's disk; yield what came of each, under names of pieces.

    first: what is read first, if not the source, with which it is compared then.
    What is on disk of it, it does not ask for. After a refusal that concerns all, or in an outage,
    the rest are not answered. What is answered is durable, small images with one another; the
    folders' names are yet to be.
    """
    small = [job.size_bytes <= SMALL_BYTES for job in jobs]
    with ExitStack() as opened:
        folders = opened.enter_context(closing(Folders(Path(mirror))))
        opened.enter_context(cogs.for_pixels())
        pool = opened.enter_context(ThreadPoolExecutor(_WRITERS))
        together = sum(small) >= WORTH_IT_FROM
        disk = opened.enter_context(GroupSync(folders)) if together else None
        images = [
            Progress(number, ImageFiles(job, folders, syncs=not (together and small[number])))
            for number, job in enumerate(jobs)
        ]
        in_full = cache(partial(full_crs, source))
        fetching = _Fetching(source, first or source, pool, images, Waiting(disk), in_full)
        yield from fetching.results()


#: An image, the tile, and its answer.
_Came = tuple[Progress, Ask, "Arrays | Exception | None"]


@dataclass
class _Fetching:
    source: Source
    first: Answers
    pool: ThreadPoolExecutor
    images: Sequence[Progress]
    waiting: Waiting[Brought | Exception]  #: until what is small is durable, too
    in_full: Callable[[str], str]  #: of a coordinate system, by its code
    calls: Calls = field(default_factory=Calls)
    _writing: dict[Future[None], tuple[Progress, int, bool]] = field(default_factory=dict)
    #: What has ended of it.
    _written: SimpleQueue[Future[None]] = field(default_factory=SimpleQueue)
    _held_bytes: int = 0
    _changed: dict[int, Progress] = field(default_factory=dict)  #: since somebody looked at them

    def results(self) -> Iterator[Results[Brought]]:
        """Yield what came of each image."""
        for image in self.images:
            self._attempt(image, lambda: self._begin(image))  # noqa: B023 # called at once
        first = partial(self._asked, source=self.first)
        yield from self._round(self._works(lambda image: image.files.todo, first), self._take)
        again = self._works(lambda image: image.again, self._compared)
        yield from self._round(again, self._take_again)
        yield self._settled(rest=True)

    def _begin(self, image: Progress) -> None:
        files = image.files
        files.begin()
        codes = {part.grid.crs for one in files.job.targets if (part := one.part).grid}
        files.crs = {crs: self.in_full(crs) for crs in codes}
        if not files.todo:
            self._submit(image, 0, files.finish, is_last=True)

    def _round(
        self,
        works: Iterable[Coroutine[Any, Any, _Came]],
        take: Callable[[Progress, Ask, Arrays], None],
    ) -> Iterator[Results[Brought]]:
        readings = [reading for image in self.images for reading in image.files.job.readings]
        largest = max((r.height * r.width * r.pixel_bytes for r in readings), default=1)
        for ended in self.source.turns(works, max(1, _HELD_BYTES // largest)):
            for _, (image, ask, answer) in ended:
                self._note(image, answer)
                if answer is not None and not isinstance(answer, Exception):
                    self._attempt(image, lambda: take(image, ask, answer))  # noqa: B023 # called at once
            self._collect(TICK_S if self._held_bytes > _HELD_BYTES else 0)
            yield self._settled()
        while self._writing:
            self._collect(TICK_S)
            yield self._settled()

    def _works(
        self,
        tiles: Callable[[Progress], Iterable[Ask]],
        work: Callable[[Progress, Ask], Coroutine[Any, Any, _Came]],
    ) -> Iterator[Coroutine[Any, Any, _Came]]:
        for image in self.images:
            for ask in tiles(image):
                if not self.source.keep_on() or self.calls.refusal():
                    return
                if image.failure is None:
                    yield work(image, ask)

    async def _asked(self, image: Progress, ask: Ask, source: Answers) -> _Came:
        if image.failure is not None:  # of another tile, meanwhile
            return image, ask, None
        job, tile = image.files.job, ask.tile
        reading = job.readings[ask.reading]
        grid = tile.grid(reading.grid)
        try:
            answer: Arrays | Exception = await source.pixels(
                job.image or job.asset, job.revision, reading.fields, grid
            )
        except Exception as error:  # noqa: BLE001 # one image's surprise must not stop the others
            answer = error
        image.requests += 1
        image.answer_bytes += grid.pixels * reading.pixel_bytes
        return image, ask, answer

    async def _compared(self, image: Progress, ask: Ask) -> _Came:
        """Read a tile again, and compare it with the files; what differs is asked for once more."""
        where = ""
        for _ in range(2):
            _, _, answer = await self._asked(image, ask, self.source)
            if answer is None or isinstance(answer, Exception):
                return image, ask, answer
            if image.failure is not None:  # of another tile, meanwhile: its files may be gone
                return image, ask, None
            where = image.files.differs(ask, answer)
            if not where:
                return image, ask, answer
            log.warning("second_reading_differs", asset=image.files.job.asset, where=where)
        image.failure = DiffersError(where)
        image.files.discard()
        return image, ask, image.failure

    def _note(self, image: Progress, answer: object) -> None:
        self.calls.note(answer)
        self._changed[image.number] = image
        if isinstance(answer, Exception) and image.failure is None:
            image.failure = answer

    def _take(self, image: Progress, ask: Ask, arrays: Arrays) -> None:
        """Have an answer written, and the files made once it is the last one."""
        size_bytes = sum(array.nbytes for array in arrays.values())
        image.files.answered += 1
        is_last = image.files.answered == len(image.files.todo)
        before = tuple(image.writing)

        def write() -> None:
            image.files.store(ask, arrays)
            if is_last:
                wait(before)
                if all(future.exception() is None for future in before):
                    image.files.finish()

        self._submit(image, size_bytes, write, is_last=is_last)

    def _take_again(self, image: Progress, _ask: Ask, _arrays: Arrays) -> None:
        image.read_again += 1

    def _submit(
        self, image: Progress, size_bytes: int, work: Callable[[], None], *, is_last: bool = False
    ) -> None:
        if image.files.job.size_bytes <= _LITTLE_BYTES:
            work()
            self._changed[image.number] = image
            if is_last:
                self._made(image)
            return
        future = self.pool.submit(work)
        image.writing.add(future)
        self._writing[future] = image, size_bytes, is_last
        self._held_bytes += size_bytes
        future.add_done_callback(self._written.put)

    def _collect(self, wait_s: float) -> None:
        """Hear of what was written meanwhile."""
        with suppress(Empty):
            while self._writing:
                self._take_written(self._written.get(timeout=wait_s))
                wait_s = 0

    def _take_written(self, future: Future[None]) -> None:
        image, size_bytes, is_last = self._writing.pop(future)
        image.writing.remove(future)
        self._held_bytes -= size_bytes
        self._changed[image.number] = image
        error = future.exception()
        if isinstance(error, Exception):
            image.failure = image.failure or error
        elif is_last and error is None:
            self._made(image)

    def _made(self, image: Progress) -> None:
        image.again = [] if image.files.was_proved else image.files.job.again()
        image.is_made = True

    def _attempt(self, image: Progress, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 # one image's surprise must not stop the others
            image.failure = image.failure or error
            self._changed[image.number] = image

    def _settled(self, *, rest: bool = False) -> Results[Brought]:
        """Return what came of images that nothing is to be done for any more, and is durable."""
        changed, self._changed = self._changed, {}
        for image in [one for one in changed.values() if one.is_settled and not one.is_told]:
            image.is_told = True
            answer = self._answer(image)
            names = []
            if isinstance(answer, Brought) and not image.files.syncs:
                names = [kept.name for _, kept in answer.files]
            self.waiting.add(image.number, answer, image.files.job.path, names)
        return self.waiting.durable(rest=rest)

    def _answer(self, image: Progress) -> Brought | Exception:
        if image.failure is not None:
            return image.failure
        return Brought(
            image.files.kept(),
            image.requests,
            image.answer_bytes,
            image.read_again,
            self.source.fewer,
            self.source.restricted[0],
            None if image.files.fractional is None else tuple(sorted(image.files.fractional)),
        )
