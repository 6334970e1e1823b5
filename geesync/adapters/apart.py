"""Does a job in a process of its own, where only that process can die of it."""

from __future__ import annotations

import os
import pickle
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from subprocess import PIPE
from typing import Any, TypeVar

from geesync import __version__
from geesync.adapters.cluster import Failure, work
from geesync.adapters.line import Orders
from geesync.errors import Cause, RemoteError

Answer = TypeVar("Answer")

#: Between two signs of life while it works.
_TICK_S = 0.5

#: What it may take: beside the daemon, less than the unit may, which would be stopped as a whole.
_MOST_BYTES = 2**30

_only_one = threading.Lock()


def do_apart(job: Callable[[], Answer], go_on: Callable[[], object]) -> Answer:
    """Return a job's answer; what it fails of is no hearsay. The job can be pickled.

    go_on: called twice a second meanwhile; what it raises ends the job. Raises RemoteError CRASHED
    if the process dies of the job.
    """
    command = [sys.executable, "-m", __name__]
    sent = pickle.dumps(job)
    with (
        _turn(go_on),
        subprocess.Popen(command, stdin=PIPE, stdout=PIPE) as process,  # noqa: S603 # ourselves
    ):
        try:
            told = _told(process, sent, go_on)
        finally:
            process.kill()
    if process.returncode:
        raise RemoteError(Cause.CRASHED, f"a process that read it {_end(process.returncode)}")
    answer: Any = pickle.loads(told)  # noqa: S301 # of our own process
    if isinstance(answer, Failure):
        raise answer.error(RemoteError)
    return answer  # type: ignore[no-any-return] # the job's own


@contextmanager
def _turn(go_on: Callable[[], object]) -> Iterator[None]:
    while not _only_one.acquire(timeout=_TICK_S):
        go_on()
    try:
        yield
    finally:
        _only_one.release()


def _told(process: subprocess.Popen[bytes], sent: bytes, go_on: Callable[[], object]) -> bytes:
    rest: bytes | None = sent
    while True:
        try:
            return process.communicate(rest, timeout=_TICK_S)[0]
        except subprocess.TimeoutExpired:
            rest = None  # it is kept for the next call
            go_on()


def _end(code: int) -> str:
    return f"ended with {code}" if code > 0 else f"died of {signal.Signals(-code).name}"


def _main() -> None:
    """Read a job from standard input and write its answer to standard output."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (_MOST_BYTES, _MOST_BYTES))
    answers = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a library's words are no answer
    job = pickle.load(sys.stdin.buffer)  # noqa: S301 # of our own daemon
    with os.fdopen(answers, "wb") as out:
        pickle.dump(work(__version__, Orders(""), job), out)


if __name__ == "__main__":
    _main()
