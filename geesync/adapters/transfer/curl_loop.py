"""Many requests on their way at a time, by one thread: libcurl waits for all of them at once.

Threads of which each waits for one answer would all need Python's lock for each piece that comes,
and pass it on more often than they use it. Here each piece of work is a coroutine: it awaits its
``Exchange`` and goes on when that has ended.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, repeat
from operator import itemgetter
from typing import Any, TypeVar

from geesync.adapters.transfer.libcurl import Sockets
from geesync.domain.failures.shared_failures import Calls

Answer = TypeVar("Answer")

#: Between two looks whether to stop, at most.
_LOOK_S = 1.0

STOPPED = "stopped"


@dataclass(frozen=True)
class Exchange:
    """A request that a ``pycurl.Curl`` is set up for; awaited, it is made.

    Gives why it broke, or None: then the whole answer came, whatever it says.
    """

    curl: Any

    def __await__(self) -> Generator[Exchange, str | None, str | None]:
        return (yield self)


@dataclass(frozen=True)
class Turn:
    """A time to wait for, on the monotonic clock; awaited, all others go on meanwhile."""

    at: float
    wait: Callable[[float], object]  #: waits until then, when there is nothing else to do

    def __await__(self) -> Generator[Turn, None, None]:
        yield self


Routine = Coroutine[Exchange | Turn, Any, Answer]


def run(
    works: Iterable[Routine[Answer]],
    *,
    at_once: int = 1,
    stopping: Callable[[], bool] = lambda: False,
) -> list[Answer]:
    """Do all works, as ``turns`` does; return their answers, in order."""
    ended = chain.from_iterable(turns(works, at_once=at_once, stopping=stopping))
    return [answer for _, answer in sorted(ended, key=itemgetter(0))]


def turns(
    works: Iterable[Routine[Answer]],
    *,
    at_once: int | Callable[[], int] = 1,
    stopping: Callable[[], bool] = lambda: False,
) -> Iterator[list[tuple[int, Answer]]]:
    """Do all works, so many at a time; yield those that ended, with their numbers, as they do.

    Once a second nothing at least. at_once: one or more, which may change.
    stopping: when it says so, what is on its way breaks off as
    ``STOPPED``. Raises what a work raises; the others are given up then, or when this is closed.
    """
    loop = _Loop(stopping)
    waiting = enumerate(works)
    room = at_once if callable(at_once) else repeat(at_once).__next__
    try:
        while True:
            while loop.at_work < room() and (begun := next(waiting, None)):
                loop.go_on(*begun)
            if loop.ended:
                yield loop.ended
                loop.ended = []
            if not loop.at_work:
                return
            loop.turn()
            yield []
    finally:
        loop.give_up()


async def outcome(work: Awaitable[Answer], calls: Calls) -> Answer | Exception:
    """Return what a work comes to, noted; an exception too: one must not stop the others."""
    answer: Answer | Exception
    try:
        answer = await work
    except Exception as error:  # noqa: BLE001 # see above
        answer = error
    calls.note(answer)
    return answer


class _Loop:
    """Works that were begun: on the wire, or waiting for their time."""

    def __init__(self, stopping: Callable[[], bool]) -> None:
        self._sockets = _taken()
        self._multi = self._sockets.multi
        self._stopping = stopping
        self._on_wire: dict[Any, tuple[int, Routine[Any]]] = {}
        self._later: list[tuple[float, int, Turn, Routine[Any]]] = []
        self.ended: list[tuple[int, Any]] = []

    @property
    def at_work(self) -> int:
        """How many were begun and have not ended."""
        return len(self._on_wire) + len(self._later)

    def go_on(self, number: int, work: Routine[Any], result: str | Exception | None = None) -> None:
        """Let a work go on until it waits again, or has its answer."""
        try:
            awaited = work.throw(result) if isinstance(result, Exception) else work.send(result)
        except StopIteration as end:
            self.ended.append((number, end.value))
            return
        if isinstance(awaited, Exchange):
            self._on_wire[awaited.curl] = number, work
            self._multi.add_handle(awaited.curl)
        else:
            heapq.heappush(self._later, (awaited.at, number, awaited, work))

    def turn(self) -> None:
        """Wait until something has happened, and let those go on that waited for it."""
        if not self._on_wire:
            _, number, awaited, work = heapq.heappop(self._later)
            try:
                awaited.wait(awaited.at)
            except Exception as error:  # noqa: BLE001 # it is the work's to hear why
                self.go_on(number, work, error)
            else:
                self.go_on(number, work)
            return
        now = time.monotonic()
        while self._later and self._later[0][0] <= now:
            _, number, _, work = heapq.heappop(self._later)
            self.go_on(number, work)
        until = max(0.0, self._later[0][0] - now) if self._later else _LOOK_S
        self._sockets.work(min(until, _LOOK_S))
        self._go_on_after_ends()

    def _go_on_after_ends(self) -> None:
        """Let those go on whose exchange has ended."""
        _, whole, broken = self._multi.info_read(len(self._on_wire))
        ended = [(curl, None) for curl in whole] + [(curl, why) for curl, _, why in broken]
        if self._stopping():
            done = {curl for curl, _ in ended}
            ended += [(curl, STOPPED) for curl in self._on_wire if curl not in done]
        for curl, why in ended:
            self._multi.remove_handle(curl)
            self.go_on(*self._on_wire.pop(curl), why)

    def give_up(self) -> None:
        """Leave nothing on the wire."""
        for curl, (_, work) in self._on_wire.items():
            self._multi.remove_handle(curl)
            work.close()
        for *_, work in self._later:
            work.close()
        _resting.append(self._sockets)


#: Those that nobody uses just now: their connections stay open for the next run.
_resting: list[Sockets] = []


def _taken() -> Sockets:
    try:
        return _resting.pop()
    except IndexError:
        return Sockets()
