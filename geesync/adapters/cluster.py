"""A Dask cluster whose workers share the mirror's file system; the only importer of distributed.

Dask gives a task whose worker was lost to another one. Everything that goes wrong with the cluster
itself is the world's, never an asset's.
"""

from __future__ import annotations

import logging
import os
import platform
import socket
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from geesync import __version__
from geesync.adapters.hands import Hands, HearsayError
from geesync.adapters.line import Orders, hear
from geesync.errors import WORLDLY, Cause, GeesyncError, NotAllowedError, RemoteError

Answer = TypeVar("Answer")

_CONNECT_TIMEOUT_S = 5.0
_ASK_TIMEOUT_S = 5.0
_FAREWELL_S = 2.0

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
        raise _away(f"the scheduler does not answer ({type(error).__name__})", address) from None


def _away(what: str, address: str) -> RemoteError:
    return RemoteError(Cause.TRANSIENT, f"Dask at {address}: {what}")


@dataclass(frozen=True)
class Failure:
    """What a job failed of, as it travels."""

    cause: Cause
    message: str
    status: int | None = None
    retry_after_s: float | None = None

    def error(self, own: type[RemoteError] = HearsayError) -> RemoteError:
        """Return it as it is raised; own: as what, if it lies in the asset."""
        kind = RemoteError if self.cause in WORLDLY else own
        return kind(self.cause, self.message, status=self.status, retry_after_s=self.retry_after_s)


def work(wanted: str, orders: Orders, job: Callable[[], Answer]) -> Answer | Failure:
    """Do a job on a worker. What fails is answered: an exception would be the cluster's own."""
    failed = partial(_failure, socket.gethostname())
    if wanted != __version__:
        return failed(Cause.TRANSIENT, f"has geesync {__version__}, the daemon has {wanted}")
    hear(orders)
    try:
        return job()
    except RemoteError as error:
        told = failed(error.cause, str(error))
        return replace(told, status=error.status, retry_after_s=error.retry_after_s)
    except MemoryError:
        return failed(Cause.CRASHED, "it takes more memory than there is")
    except (GeesyncError, OSError) as error:
        # Its mirror is not mounted, or shows another state.
        cause = Cause.PERMISSION if isinstance(error, NotAllowedError) else Cause.DISK
        return failed(cause, str(error))
    except Exception as error:  # noqa: BLE001 # a mistake of ours; it is told if it is seen here
        return failed(Cause.BUG, f"{type(error).__name__}: {error}")


def _failure(host: str, cause: Cause, message: str) -> Failure:
    return Failure(cause, f"worker {host}: {message}" if cause in WORLDLY else message)


class Cluster(Hands):
    """The executor that a cluster is; connected when it is first needed, and again when lost.

    rate: bytes a second that one transfer may take now; None is no limit.
    """

    def __init__(self, address: str, daemon: str, rate: Callable[[], float | None]) -> None:
        self.address = address
        self._rate = rate
        self._orders = Orders(daemon, rate=rate())
        self._connecting = threading.Lock()
        self._settling = threading.Lock()
        self._client: Any = None
        self._pending: set[Future[Any]] = set()
        self._closed = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="geesync-dask", daemon=True)

    def require(self) -> None:
        """Raise RemoteError TRANSIENT if the scheduler is away, or has no workers."""
        try:
            found = self._connected().nthreads(callback_timeout=_ASK_TIMEOUT_S)
        except (OSError, RuntimeError) as error:  # a time-out is an OSError, too
            raise _away(f"no answer ({type(error).__name__})", self.address) from None
        if not found:
            raise _away("there are no workers", self.address)

    def _connected(self) -> Any:
        with self._connecting:
            if self._client is None or self._client.status in {"closed", "closing"}:
                self._client = connect(self.address)
                if not self._watcher.is_alive():
                    self._watcher.start()
            return self._client

    def submit(self, fn: Callable[..., Answer], /, *args: Any, **kwargs: Any) -> Future[Answer]:
        """Hand a job over. Its failure is a RemoteError: the world's, or hearsay of the asset."""
        executor = self._connected().get_executor()
        job = partial(fn, *args, **kwargs)
        theirs = executor.submit(work, __version__, self._orders, job)
        ours: Future[Answer] = Future()
        self._pending.add(ours)
        theirs.add_done_callback(partial(self._settle, ours))
        ours.add_done_callback(lambda _: theirs.cancel())
        ours.add_done_callback(self._pending.discard)
        return ours

    def _settle(self, ours: Future[Answer], theirs: Future[Answer | Failure]) -> None:
        """Give a job's answer to who waits for it."""
        try:
            answer = theirs.result()
        except CancelledError:
            self._fail(ours, _away("the scheduler was lost", self.address))
        except Exception as error:  # noqa: BLE001 # whatever it is: it is the cluster's, see work()
            self._fail(ours, self._lost(error))
        else:
            if isinstance(answer, Failure):
                self._fail(ours, answer.error())
            elif self._claim(ours):
                ours.set_result(answer)

    def _lost(self, error: Exception) -> RemoteError:
        """Return what it means that the cluster gave a job up."""
        from distributed import KilledWorker  # noqa: PLC0415 # an extra, and slow to import

        if isinstance(error, KilledWorker):
            # Of this job, or of one that they did beside it: whoever asked has to find out.
            return HearsayError(Cause.CRASHED, f"{error.allowed_failures + 1} workers died of it")
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        return _away(f"a worker failed: {what}", self.address)

    def _fail(self, ours: Future[Any], error: RemoteError) -> None:
        if self._claim(ours):
            ours.set_exception(error)

    def _claim(self, ours: Future[Any]) -> bool:
        """Say whether this is the first answer to a job, and somebody waits for it."""
        with self._settling:
            if ours not in self._pending:
                return False
            self._pending.discard(ours)
            return ours.set_running_or_notify_cancel()

    def _watch(self) -> None:
        """Give work up that nobody can do any more, and let the workers know of another rate."""
        failed = 0
        while not self._closed.wait(_LOOK_S):
            if not self._pending:
                continue
            try:
                self.require()
            except RemoteError as error:
                failed += 1
                if failed >= _LOOKS:
                    self._give_up(error)
            else:
                failed = 0
                if self._rate() != self._orders.rate:
                    self._tell(rate=self._rate())

    def _give_up(self, error: RemoteError) -> None:
        for ours in tuple(self._pending):
            self._fail(ours, error)

    def _tell(self, **changed: Any) -> threading.Thread:
        """Let all workers know; one that does not listen holds nobody up."""
        self._orders = replace(self._orders, number=self._orders.number + 1, **changed)
        tell = partial(self._client.run, hear, self._orders, on_error="ignore")
        thread = threading.Thread(target=_quietly, args=(tell,), daemon=True)
        thread.start()
        return thread

    def shutdown(self, *_: Any, **__: Any) -> None:
        """Have the workers stop within seconds, and leave the cluster."""
        self._closed.set()
        if self._client is None:
            return
        self._tell(stop=True).join(_FAREWELL_S)
        self._give_up(RemoteError(Cause.TRANSIENT, "stopped"))
        _quietly(partial(self._client.close, timeout=_FAREWELL_S))


def _quietly(ask: Callable[[], object]) -> None:
    """Ask something of a cluster that may be gone, where nothing depends on the answer."""
    with suppress(OSError, RuntimeError):
        ask()


@dataclass(frozen=True)
class Examined:
    """What a cluster is found to be."""

    threads: int  #: of all workers: so many files at a time
    workers: int
    troubles: list[str]  #: what is wrong with which worker, or with the scheduler


def examine(address: str, probe: Path) -> Examined:
    """Look at a cluster; raise RemoteError TRANSIENT if it is away, or has no workers.

    probe: a file that was just put into the mirror; who shares it sees it.
    """
    client = connect(address)
    try:
        found = client.nthreads()
        theirs = client.get_versions()["scheduler"]["packages"]["distributed"]
        seen = client.run(_look, str(probe), on_error="return")
    finally:
        client.close(timeout=_FAREWELL_S)
    if not found:
        raise _away("there are no workers", address)
    ours = _versions()
    troubles = [f"{worker} {wrong}" for worker, told in seen.items() if (wrong := _wrong(told))]
    if theirs != ours["distributed"]:
        troubles.insert(0, f"the scheduler has distributed {theirs}, we {ours['distributed']}")
    return Examined(sum(found.values()), len(found), troubles)


def _look(probe: str) -> tuple[dict[str, str], bool]:
    """On a worker: return its versions, and whether it may write where the probe is."""
    path = Path(probe)
    return _versions(), path.is_file() and os.access(path.parent, os.W_OK)


def _versions() -> dict[str, str]:
    python = ".".join(platform.python_version_tuple()[:2])
    return {"geesync": __version__, "distributed": version("distributed"), "Python": python}


def _wrong(told: tuple[dict[str, str], bool] | Exception) -> str:
    if isinstance(told, Exception):
        return f"cannot do geesync's work: {told}"
    versions, sees = told
    differ = [
        f"{name} {versions[name]}" for name, ours in _versions().items() if versions[name] != ours
    ]
    if differ:
        return f"has {', '.join(differ)}"
    return "" if sees else "does not see the mirror, or may not write into it"
