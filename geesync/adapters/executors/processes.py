"""Processes beside the daemon that do its work on bytes: each on a core of its own.

A file that crashes GDAL ends one of them, and the daemon learns of which it was. They are begun
when there is work, kept for the next, and ended when there was none for a while.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from multiprocessing import Pipe
from typing import Any

from geesync.adapters.executors.executor import (
    TICK_S,
    Answer,
    ByteExecutor,
    Item,
    Orders,
    Results,
    Work,
)
from geesync.errors import Cause, RemoteError

#: What a process is given to leave in order what it was writing.
_FAREWELL_S = 2.0

#: A process that had nothing to do for so long is ended: it costs memory.
_KEPT_FOR_S = 45.0


class ProcessExecutor(ByteExecutor):
    """Processes beside the daemon, so many for each caller; however it ends, they end with it.

    begin: done by each before anything else; it can be pickled. rate: bytes a second that all
    together may take now; None is no limit.
    """

    def __init__(
        self,
        daemon: str,
        at_once: int,
        *,
        begin: Callable[[], object],
        rate: Callable[[], float | None] = lambda: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(at_once)
        self._orders = Orders(daemon)
        self._begin = begin
        self._rate = rate
        self._monotonic = monotonic
        self._changing = threading.Lock()
        self._at_work: set[_Process] = set()
        self._resting: list[_Process] = []

    def do(
        self, work: Work[Item, Answer], items: Sequence[Item], go_on: Callable[[], object]
    ) -> Generator[Results[Answer]]:
        """Have one of them do it; an item that kills its process has failed of that.

        It has if two died of it with nothing else to do: one may have been killed for what
        others took of the memory.
        """
        yield from self._do(work, items, go_on, again=True)

    def _do(
        self,
        work: Work[Item, Answer],
        items: Sequence[Item],
        go_on: Callable[[], object],
        *,
        again: bool,
    ) -> Iterator[Results[Answer]]:
        left = dict(enumerate(items))
        process = self._take()
        try:
            for results in process.do(work, items, lambda: self._tick(process, go_on)):
                for number, _ in results:
                    del left[number]
                yield results
        except _DiedError as error:
            died = error
        else:
            return
        finally:
            self._give_back(process)
        if not again:
            failed = RemoteError(Cause.CRASHED, f"the process that had it {died}")
            yield [(number, failed) for number in left]
            return
        for number, item in left.items():
            go_on()
            for results in self._do(work, [item], go_on, again=False):
                yield [(number, answer) for _, answer in results]

    def _tick(self, process: _Process, go_on: Callable[[], object]) -> None:
        go_on()
        rate = self._rate()
        process.order(rate=rate and rate / len(self._at_work))

    def _take(self) -> _Process:
        with self._changing:
            try:
                resting = self._resting
                process = resting.pop() if resting else _Process(self._orders, self._begin)
            except OSError as error:  # no memory, or no descriptors
                raise RemoteError(Cause.TRANSIENT, f"no process can begin: {error}") from None
            self._at_work.add(process)
            return process

    def _give_back(self, process: _Process) -> None:
        with self._changing:
            self._at_work.discard(process)
            if process.is_ready:
                process.rests_since = self._monotonic()
                self._resting.append(process)
                return
        process.end()

    def rest(self) -> None:
        """End those that had nothing to do for a while."""
        long_ago = self._monotonic() - _KEPT_FOR_S
        with self._changing:
            idle = [process for process in self._resting if process.rests_since <= long_ago]
            self._resting = [process for process in self._resting if process not in idle]
        for process in idle:
            process.end()

    def end(self) -> None:
        """End all that have nothing to do; those at work are stopped by who gave it to them."""
        with self._changing:
            resting, self._resting = self._resting, []
        for process in resting:
            process.end()


class _DiedError(Exception):
    """A process ended in the middle of its work."""


class _Process:
    """One process, and the pipe to it."""

    def __init__(self, orders: Orders, begin: Callable[[], object]) -> None:
        self._pipe, theirs = Pipe()
        command = (
            sys.executable,
            "-P",
            "-m",
            "geesync.adapters.executors.worker_process",
            str(theirs.fileno()),
        )
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 # ourselves
                command,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # others would only spin
                process_group=0,  # Ctrl-C is the daemon's to hear: it tells them
            )
        self._orders = orders
        self.is_ready = False  #: for the next work
        self.rests_since = 0.0
        self._send(begin)

    def do(
        self, work: Work[Any, Any], items: Sequence[Any], tick: Callable[[], object]
    ) -> Generator[Results[Any]]:
        """Yield what it answers. Raises _DiedError, or RemoteError for the work as a whole."""
        self.is_ready = False
        tick()
        self._send((work, items))
        try:
            while True:
                while not self._pipe.poll(TICK_S):
                    tick()
                results = self._pipe.recv()
                if not isinstance(results, list):
                    break
                yield results
        except (EOFError, ConnectionError):
            code = self._process.wait()
            ended = f"ended with {code}" if code >= 0 else f"died of {signal.Signals(-code).name}"
            raise _DiedError(ended) from None
        self.is_ready = True
        if results is not None:
            raise results

    def order(self, **changed: Any) -> None:
        """Send it other orders."""
        orders = replace(self._orders, **changed)
        if orders != self._orders:
            self._orders = replace(orders, number=orders.number + 1)
            self._send(self._orders)

    def _send(self, message: object) -> None:
        with suppress(ConnectionError):  # it died: that shows when it does not answer
            self._pipe.send(message)

    def end(self) -> None:
        """Have it leave its work in order, or end it."""
        self.order(stop=True)
        with self._pipe:
            deadline = time.monotonic() + _FAREWELL_S
            with suppress(EOFError, ConnectionError):
                while not self.is_ready and self._pipe.poll(max(0.0, deadline - time.monotonic())):
                    self.is_ready = not isinstance(self._pipe.recv(), list)
        self._process.kill()
        self._process.wait()
