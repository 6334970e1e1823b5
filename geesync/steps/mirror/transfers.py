"""What is on its way to disk: it goes on when the pass that began it has ended, so none waits."""

from __future__ import annotations

import threading
import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Generic, Protocol, TypeVar

from geesync.adapters.executors.executor import TICK_S, Item, Work
from geesync.adapters.mirror_files.disk import Folder
from geesync.adapters.mirror_files.folders import Folders
from geesync.adapters.mirror_files.group_sync import Landed, settle
from geesync.domain.assets.names import display_id
from geesync.domain.messages.words import counted
from geesync.errors import GeesyncError
from geesync.logger import get_logger
from geesync.steps.step import StepContext
from geesync.store.ledger.ledger import LedgerAsset

log = get_logger()

#: Batches of which something is left: each has a process for it, which takes memory.
_MOST_BATCHES = 4

#: So many of them may be slow and take none of these places.
_MOST_SLOW = 4

#: What one pass brings, about: what was asked for meanwhile has its turn after that.
_PASS_BYTES = 4 * 1024**3

#: What comes within this time is noted together: a transaction costs as much as fifty rows.
_GATHERED_FOR_S = 0.1
_NOTED_TOGETHER = 250

#: What shows no progress on disk for so long is slow.
_SLOW_AFTER = timedelta(minutes=1)


class Transfer(Protocol):
    """One piece of work that brings something of an asset to disk."""

    @property
    def asset(self) -> LedgerAsset:
        """Whose it is."""

    @property
    def work(self) -> Any:
        """What is to be done, as plain values."""

    @property
    def size_bytes(self) -> int:
        """How much comes."""

    def requests_left(self, place: Folder) -> int:
        """Return how many requests there may be for it yet, at most, by what is on disk."""

    def progress(self, place: Folder) -> int | None:
        """Return what tells by its growth that something comes; None: it has not begun."""


Some = TypeVar("Some", bound=Transfer)

#: Each with its answer, or why there is none.
Results = list[tuple[Some, object]]


@dataclass(eq=False)
class _Batch(Generic[Some]):
    """Transfers to one mirror that were begun together."""

    dest: str
    left: dict[int, Some]  #: without an answer so far, by the identity of the work
    at_once: int
    heard_at: datetime  #: when the last of them ended
    seen: dict[int, tuple[int | None, datetime]] = field(default_factory=dict)
    """How far each is, and since when it is no further."""
    logged: set[int] = field(default_factory=set)  #: as slow
    is_over: bool = False  #: nobody waits for the rest

    def is_slow(self, now: datetime) -> bool:
        """Whether nothing of it has ended for long."""
        return now - self.heard_at >= _SLOW_AFTER


@dataclass
class Transfers(Generic[Some]):
    """Transfers of one kind."""

    context: StepContext
    at_once: int  #: requests on their way at a time
    slowness: str  #: of those that are slow, for people
    _batches: list[_Batch[Some]] = field(default_factory=list, init=False)
    _came: SimpleQueue[tuple[_Batch[Some], list[tuple[Any, object]] | None]] = field(
        default_factory=SimpleQueue, init=False
    )
    _threads: list[threading.Thread] = field(default_factory=list, init=False)

    @property
    def room(self) -> int:
        """How many more requests may be on their way."""
        now = self.context.clock()
        slow = sum(batch.is_slow(now) for batch in self._batches)
        if len(self._batches) - min(slow, _MOST_SLOW) >= _MOST_BATCHES:
            return 0
        return self.at_once - sum(map(_requests, self._batches))

    @property
    def are_under_way(self) -> bool:
        """Whether any are."""
        return bool(self._batches)

    @property
    def left(self) -> list[Some]:
        """What is on its way, or has its turn after that."""
        return [one for batch in self._batches for one in batch.left.values()]

    def begin(self, dest: str, transfers: Sequence[Some], work: Work[Any, Any], room: int) -> None:
        """Take some on; room: so many requests of them may be on their way at a time."""
        left = {id(one.work): one for one in transfers}
        batch = _Batch(dest, left, room, self.context.clock())
        self._batches.append(batch)
        thread = threading.Thread(
            target=self._run,
            args=(batch, list(transfers), work),
            name="geesync-transfers",
            daemon=True,
        )
        self._threads = [*(one for one in self._threads if one.is_alive()), thread]
        thread.start()

    def coming(self, patience_s: float) -> Iterator[Results[Some]]:
        """Yield what comes, and nothing now and then, until all is here or nothing came for long.

        When all is to stop, it is waited for.
        """
        heard = time.monotonic()
        while self.are_under_way:
            results = self._next(min(TICK_S, patience_s))
            yield results
            if results:
                heard = time.monotonic()
            elif time.monotonic() > heard + patience_s and not self.context.stopping():
                return

    def _next(self, within_s: float) -> Results[Some]:
        results: Results[Some] = []
        until = time.monotonic() + within_s
        while len(results) < _NOTED_TOGETHER:
            try:
                batch, answers = self._came.get(timeout=max(0.0, until - time.monotonic()))
            except Empty:
                break
            if answers is None:
                self._batches.remove(batch)
                break
            batch.heard_at = self.context.clock()
            results += [(batch.left.pop(id(work)), answer) for work, answer in answers]
            until = min(until, time.monotonic() + _GATHERED_FOR_S)
        return results

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

    def _run(self, batch: _Batch[Some], transfers: list[Some], work: Work[Any, Any]) -> None:
        came, sizes = self._came, {id(one.work): one.size_bytes for one in transfers}
        left = {id(one.work): one.work for one in transfers}
        try:
            dispatched = self.context.dispatch(
                list(left.values()),
                work,
                size_bytes=lambda one: sizes[id(one)],
                at_once=batch.at_once,
            )
            with closing(dispatched):
                for answers in dispatched:
                    if batch.is_over:
                        return
                    if answers:
                        came.put((batch, list(answers)))
                        for one, _ in answers:
                            del left[id(one)]
        except Exception as error:  # noqa: BLE001 # it is the answer of those that had none
            came.put((batch, [(one, error) for one in left.values()]))
        finally:
            came.put((batch, None))

    def slow(self) -> str:
        """Return what comes slowly, for people; the log is told once of each."""
        now = self.context.clock()
        slow: list[str] = []
        for batch in self._batches:
            if batch.is_slow(now):
                slow += _slow(batch, now)
        more = f" and {counted(len(slow) - 1, 'other')}" if slow[1:] else ""
        return f"for {slow[0]}{more}: {self.slowness}" if slow else ""


def of_a_pass(items: list[Item], sizes_bytes: Iterable[int]) -> list[Item]:
    """Return the first items, and no more than come soon: it may be others' turn then."""
    return items[: max(1, bisect_right(list(accumulate(sizes_bytes)), _PASS_BYTES))]


def settled(landed: Iterable[tuple[Some, Landed]]) -> list[tuple[Some, Exception | None]]:
    """Give files the names that say that they are unproved, durably; return what failed."""
    by_dest: dict[str, list[tuple[Some, Landed]]] = defaultdict(list)
    for one, file in landed:
        by_dest[one.asset.dest].append((one, file))
    ended: list[tuple[Some, Exception | None]] = []
    for dest, files in by_dest.items():
        with closing(Folders(Path(dest))) as folders:
            failures = settle(folders, [file for _, file in files])
        ended += zip((one for one, _ in files), failures, strict=True)
    return ended


def _requests(batch: _Batch[Some]) -> int:
    """Return how many requests of a batch may be on their way."""
    most = 0
    with closing(Folders(Path(batch.dest))) as folders:
        for one in batch.left.values():
            if most >= batch.at_once:
                break
            most += _on_disk(folders, one, one.requests_left) or 1
    return min(most, batch.at_once)


def _slow(batch: _Batch[Some], now: datetime) -> Iterator[str]:
    """Yield the assets of which nothing reached the disk of late."""
    slow = 0
    with closing(Folders(Path(batch.dest))) as folders:
        for key, one in batch.left.items():
            here = _on_disk(folders, one, one.progress)
            before, since = batch.seen.get(key, (here, now))
            batch.seen[key] = (before, since) if here == before else (here, now)
            if here is None or now - batch.seen[key][1] < _SLOW_AFTER or slow >= batch.at_once:
                continue  # more are not on their way
            slow += 1
            if key not in batch.logged:
                log.warning("transfer_slow", asset=one.asset.name)
            batch.logged.add(key)
            yield display_id(one.asset.name)


def _on_disk(folders: Folders, one: Some, look: Callable[[Folder], int | None]) -> int | None:
    with suppress(GeesyncError, OSError), folders.folder(one.asset.path, create=False) as place:
        return look(place)
    return None
