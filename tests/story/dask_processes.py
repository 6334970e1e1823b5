"""A Dask cluster of real processes on loopback, without a dashboard."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

from geesync.simulator.wire.serving import reserve_port

#: Longer than anything here takes on a busy machine; only a failing test waits for it.
PATIENCE_S = 60

#: A nanny forks who takes the place of a worker that died: a start would import it all anew.
SETTINGS = {
    "DASK_DISTRIBUTED__ADMIN__LOW_LEVEL_LOG_LENGTH": "0",
    "DASK_DISTRIBUTED__WORKER__MULTIPROCESSING_METHOD": "forkserver",
}


@contextmanager
def reserved_address() -> Iterator[str]:
    """Keep an address at which nobody listens, but for a cluster that is told it."""
    with closing(reserve_port()) as reserved:
        yield f"tcp://127.0.0.1:{reserved.getsockname()[1]}"


class DaskExecutor:
    """A scheduler, and workers as they are asked for."""

    def __init__(self, address: str, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self.address = address
        self.workers: list[subprocess.Popen[bytes]] = []

    def start(self) -> DaskExecutor:
        """Start the scheduler; whoever connects waits for it."""
        self._run("scheduler", "--port", self.address.rpartition(":")[2])
        return self

    def add_worker(self, *, threads: int = 2, nanny: bool = False) -> subprocess.Popen[bytes]:
        """Start a worker; it is there once the scheduler says so. A nanny starts it anew."""
        place = self._folder / f"worker{len(self.workers)}"
        worker = self._run(
            *("worker", self.address, "--nanny" if nanny else "--no-nanny"),
            *("--nthreads", str(threads)),
            *("--local-directory", str(place)),
        )
        self.workers.append(worker)
        return worker

    def wait_for_workers(self) -> DaskExecutor:
        """Return when the scheduler and all workers are there."""
        from distributed import Client  # noqa: PLC0415 # slow to import

        with Client(  # type: ignore[no-untyped-call] # it has types for some of it only
            self.address, set_as_default=False, timeout=PATIENCE_S
        ) as client:
            if self.workers:
                client.wait_for_workers(len(self.workers), timeout=PATIENCE_S)
        return self

    def who_writes(self, ending: str) -> subprocess.Popen[bytes] | None:
        """Return the worker that has such a file open."""
        return next((one for one in self.workers if _has_open(one.pid, ending)), None)

    def _run(self, what: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *arguments]
        log = self._stack.enter_context((self._folder / f"{what}.log").open("ab"))
        process = subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--no-dashboard"],
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, **SETTINGS},
        )
        self._stack.callback(_end, process)
        return process


def _has_open(pid: int, ending: str) -> bool:
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            if str(descriptor.readlink()).endswith(ending):
                return True
        except OSError:  # closed meanwhile
            continue
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and what it started, also if it was stopped."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGCONT)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def a_cluster(
    folder: Path,
    *,
    address: str | None = None,
    workers: int = 0,
    threads: int = 2,
    nanny: bool = False,
) -> Iterator[DaskExecutor]:
    """Run a cluster; all of its processes are gone at the end."""
    with ExitStack() as stack:
        address = address or stack.enter_context(reserved_address())
        cluster = DaskExecutor(address, folder, stack).start()
        for _ in range(workers):
            cluster.add_worker(threads=threads, nanny=nanny)
        yield cluster.wait_for_workers()
