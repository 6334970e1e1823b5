"""One of the processes that do work on bytes: ``python -m`` this module, and a DESCRIPTOR.

It hears what to do, and what the daemon orders meanwhile, and ends with the daemon.
"""

from __future__ import annotations

import os
import resource
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NoReturn

from geesync.adapters.executors.executor import Orders, plain, receive
from geesync.adapters.host.memory import keep_little
from geesync.errors import Cause, RemoteError
from geesync.logger import get_logger

log = get_logger()

#: What it may take: beside the daemon, less than the unit may, which would be stopped as a whole.
_MOST_BYTES = 2**30


def main(descriptor: int) -> None:
    """Work for whoever has the other end of a socket."""
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # a library's words are no command's answer
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold the key
    resource.setrlimit(resource.RLIMIT_DATA, (_MOST_BYTES, _MOST_BYTES))
    keep_little()
    with suppress(OSError):  # another system's
        Path("/proc/self/oom_score_adj").write_bytes(b"500")  # rather this one than the daemon
    pipe: Connection[Any, Any] = Connection(descriptor)
    with _end_with_the_daemon():
        begin = pipe.recv()
    begin()
    jobs: SimpleQueue[Any] = SimpleQueue()
    threading.Thread(target=_listen, args=(pipe, jobs), daemon=True).start()
    while True:
        _answer(pipe, jobs.get())


def _listen(pipe: Connection[Any, Any], jobs: SimpleQueue[Any]) -> None:
    """Hear orders at once, and the next work for when this is done."""
    while True:
        try:
            with _end_with_the_daemon():
                message = pipe.recv()
        except Exception as error:  # noqa: BLE001 # its code may have been updated since
            message = partial(_fail, error), ()
        if isinstance(message, Orders):
            receive(message)
        else:
            jobs.put(message)


def _fail(error: Exception, _items: object) -> NoReturn:
    raise error


def _answer(pipe: Connection[Any, Any], job: tuple[Any, Any]) -> None:
    """Do work and tell what comes of it; at the end nothing, or what it failed of as a whole."""
    work, items = job
    failed: RemoteError | None = None
    try:
        for results in work(items):
            if results:
                _send(pipe, [(number, _sendable(answer)) for number, answer in results])
    except Exception as error:  # noqa: BLE001 # it is told
        failed = _sendable(error)
    _send(pipe, failed)


def _sendable(answer: Any) -> Any:
    """Return an answer that can be sent; of our own mistake the log has the traceback."""
    if not isinstance(answer, Exception):
        return answer
    error = plain(answer)
    if error.cause == Cause.BUG:
        log.error("bug", error=repr(answer), exc_info=answer)
    return error


def _send(pipe: Connection[Any, Any], message: object) -> None:
    with _end_with_the_daemon():
        pipe.send(message)


@contextmanager
def _end_with_the_daemon() -> Iterator[None]:
    """End at once if whoever asked is gone: what is half done stays for the next."""
    try:
        yield
    except (EOFError, ConnectionError):
        os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
