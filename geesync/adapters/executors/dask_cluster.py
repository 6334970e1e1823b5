"""A Dask cluster whose workers share the mirror's file system; the only importer of distributed.

Dask gives a task whose worker was lost to another one. Everything that goes wrong with the cluster
itself is the world's, never an asset's.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import CancelledError, Future, wait
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from geesync import __version__
from geesync.adapters.executors.executor import (
    SMALL_BYTES,
    TICK_S,
    Answer,
    ByteExecutor,
    Item,
    Orders,
    Results,
    UnconfirmedError,
    Work,
    plain,
    receive,
)
from geesync.domain.failures.shared_failures import stopped
from geesync.errors import WORLDLY, Cause, RemoteError
from geesync.logger import get_logger

log = get_logger()

_CONNECT_TIMEOUT_S = 5.0
_ASK_TIMEOUT_S = 5.0

#: For what is said to a cluster at the end.
FAREWELL_S = 2.0

#: What is handed over as one: a task has its price.
_MOST_ITEMS = 32
_MOST_BYTES = SMALL_BYTES

#: Between two looks at the cluster while it works for us.
_LOOK_S = 1.0

#: So many in a row must fail: a worker that died and is started again is away for some seconds, and
#: Dask counts of how many a job was the last only while we wait for it.
_LOOKS = 15


def connect(address: str) -> Any:
    """Return a client of a cluster. Raises RemoteError TRANSIENT if its scheduler is away."""
    from distributed import Client  # noqa: PLC0415 # an extra, and slow to import

    # It tells of each lost connection at length; what matters of that we tell ourselves.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        return Client(  # type: ignore[no-untyped-call] # it has types for some of it only
            address, timeout=_CONNECT_TIMEOUT_S, set_as_default=False, name="geesync"
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise away(f"the scheduler does not answer ({type(error).__name__})", address) from None


def away(what: str, address: str) -> RemoteError:
    """Return the error of a cluster that cannot be used just now."""
    return RemoteError(Cause.TRANSIENT, f"Dask at {address}: {what}")


def work_there(wanted: str, orders: Orders, work: Work[Any, Any], items: Sequence[Any]) -> Any:
    """Do work on a worker of the cluster, which has to confirm what fails of an item itself.

    Errors are returned: one that is raised would be the cluster's own.
    """
    host = socket.gethostname()
    if wanted != __version__:
        problem = f"worker {host}: has geesync {__version__}, the daemon has {wanted}"
        return RemoteError(Cause.TRANSIENT, problem)
    receive(orders)
    try:
        return [
            [(number, _unconfirmed(host, answer)) for number, answer in results]
            for results in work(items)
        ]
    except Exception as error:  # noqa: BLE001 # a mistake of ours is told if it is seen here, too
        return _unconfirmed(host, error)


def _unconfirmed(host: str, answer: Any) -> Any:
    """Return a worker's answer as it counts here: an error is the world's, or unconfirmed."""
    if not isinstance(answer, Exception):
        return answer
    reason = plain(answer)
    of_world = reason.cause in WORLDLY
    again = partial(RemoteError if of_world else UnconfirmedError, reason.cause)
    message = f"worker {host}: {reason}" if of_world else str(reason)
    return again(message, status=reason.status, retry_after_s=reason.retry_after_s)


class DaskExecutor(ByteExecutor):
    """A cluster; connected when it is first needed, and again when it was lost.

    at_once: files at a time, of all workers. rate: bytes a second that all together may take now;
    None is no limit. local: confirms what a worker says against an asset.
    """

    def __init__(
        self,
        address: str,
        daemon: str,
        rate: Callable[[], float | None],
        *,
        at_once: int,
        local: ByteExecutor,
    ) -> None:
        super().__init__(at_once)
        self._local = local
        self._workers = 1
        self.address = address
        self._rate = rate
        self._orders = Orders(daemon)
        self._connecting = threading.Lock()
        self._client: Any = None
        self._is_closed = False
        self._looking = threading.Lock()
        self._next_look = 0.0  #: on the monotonic clock
        self._failed_looks: list[RemoteError] = []  #: in a row

    def require(self) -> None:
        """Raise RemoteError TRANSIENT if the scheduler is away, or has no workers."""
        try:
            found = self._connected().nthreads(callback_timeout=_ASK_TIMEOUT_S)
        except (OSError, RuntimeError) as error:  # a time-out is an OSError, too
            raise away(f"no answer ({type(error).__name__})", self.address) from None
        if not found:
            raise away("there are no workers", self.address)
        self._workers = len(found)
        self._failed_looks.clear()

    def loads(self, sizes_bytes: Sequence[int]) -> list[list[int]]:
        """Return the numbers of the items, split into loads: large ones alone."""
        loads: list[list[int]] = []
        held_bytes = 0
        for number, size_bytes in enumerate(sizes_bytes):
            held_bytes += size_bytes
            if not loads or len(loads[-1]) >= _MOST_ITEMS or held_bytes > _MOST_BYTES:
                loads.append([])
                held_bytes = size_bytes
            loads[-1].append(number)
        return loads

    def share(self, _at_once: int) -> int:
        """Return that each load brings its items one after another: a worker has several loads."""
        return 1

    def do(
        self, work: Work[Item, Answer], items: Sequence[Item], go_on: Callable[[], object]
    ) -> Generator[Results[Answer]]:
        """Have a worker do it; what it says against an item is done again here."""
        self._orders = replace(self._orders, rate=self._share())
        executor = self._connected().get_executor(pure=False)
        task = executor.submit(work_there, __version__, self._orders, work, items)
        try:
            while not wait([task], timeout=TICK_S).done:
                go_on()
                self._look()
            answers = self._result(task)
        except UnconfirmedError as error:  # of which item it was shows when it is done here
            answers = [[(number, error) for number in range(len(items))]]
        finally:
            task.cancel()
        for results in answers:
            yield [result for result in results if not isinstance(result[1], UnconfirmedError)]
            for number, answer in results:
                if isinstance(answer, UnconfirmedError):
                    log.warning("work_repeated_here", error=str(answer))
                    for again in self._local.do(work, [items[number]], go_on):
                        yield [(number, seen_here) for _, seen_here in again]

    def rest(self) -> None:
        """Hear that there is nothing to do just now."""
        self._local.rest()

    def _connected(self) -> Any:
        with self._connecting:
            if self._client is None or self._client.status in {"closed", "closing"}:
                self._client = connect(self.address)
            return self._client

    def _result(self, task: Future[Any]) -> list[Results[Any]]:
        """Return a worker's answer. Raises RemoteError: the world's, or unconfirmed."""
        from distributed import KilledWorker  # noqa: PLC0415 # an extra, and slow to import

        try:
            answer: list[Results[Any]] | RemoteError = task.result()
        except CancelledError:
            lost = away("the scheduler was lost", self.address)
            raise stopped() if self._is_closed else lost from None
        except KilledWorker as error:
            # Of this job, or of one that they did beside it: whoever asked has to find out.
            deaths = f"{error.allowed_failures + 1} workers died of it"
            raise UnconfirmedError(Cause.CRASHED, deaths) from None
        except Exception as error:  # noqa: BLE001 # whatever it is: see work_there()
            what = f"{type(error).__name__}: {error}".splitlines()[0]
            raise away(f"a worker failed: {what}", self.address) from None
        if isinstance(answer, RemoteError):
            raise answer
        return answer

    def _look(self) -> None:
        """Give work up that nobody can do any more, and tell the workers of another rate.

        Called by all threads that wait for a worker; one of them looks for all, now and then.
        """
        if self._is_closed:
            raise stopped()
        if time.monotonic() >= self._next_look and self._looking.acquire(blocking=False):
            try:
                self.require()
                if self._share() != self._orders.rate:
                    self._send_orders(rate=self._share())
            except RemoteError as error:
                self._failed_looks.append(error)
            finally:
                self._next_look = time.monotonic() + _LOOK_S
                self._looking.release()
        if len(self._failed_looks) >= _LOOKS:
            raise self._failed_looks[-1]

    def _share(self) -> float | None:
        """Return the rate of each worker: they do not know of one another."""
        rate = self._rate()
        return rate and rate / self._workers

    def _send_orders(self, **changed: Any) -> threading.Thread:
        """Tell all workers; one that does not listen holds nobody up."""
        self._orders = replace(self._orders, number=self._orders.number + 1, **changed)
        tell = partial(self._client.run, receive, self._orders, on_error="ignore")
        thread = threading.Thread(target=_quietly, args=(tell,), daemon=True)
        thread.start()
        return thread

    def end(self) -> None:
        """Have the workers stop within seconds, and leave the cluster."""
        self._local.end()
        self._is_closed = True
        if self._client is None:
            return
        self._send_orders(stop=True).join(FAREWELL_S)
        _quietly(partial(self._client.close, timeout=FAREWELL_S))


def _quietly(ask: Callable[[], object]) -> None:
    """Ask something of a cluster that may be gone, where nothing depends on the answer."""
    with suppress(OSError, RuntimeError):
        ask()
