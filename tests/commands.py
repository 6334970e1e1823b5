"""Runs commands of geesync in processes of their own, forked from one that has imported it all.

``python -m tests.commands DESCRIPTOR`` is that one: it forks for each order. What Python and the
libraries look at only as they start is left to a real start.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile

#: Variables that are read when they are needed, each time.
READ_LATE = (
    *("GEESYNC_", "_GEESYNC_", "COMP_", "NO_COLOR", "NOTIFY_SOCKET", "WATCHDOG_", "PYTEST_"),
    "DISABLE_GCS_PYTHON_CLIENT_",
)

#: What geesync imports only where it is needed.
IMPORTED_LATE = ("ee", "google.cloud.storage", "pycurl", "pathspec", "alembic.command", "rustac")

#: Longer than any command takes on a busy machine.
PATIENCE_S = 120.0

_AT_FIRST = dict(os.environ)


class Forked:
    """A command that was forked, as subprocess.Popen has one that was started."""

    def __init__(self, pid: int, ending: socket.socket) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ending = ending

    def poll(self) -> int | None:
        """Return its exit code; None if it runs."""
        if self.returncode is None and select.select([self._ending], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit code when it has ended. Raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            if not select.select([self._ending], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("geesync", timeout or 0)
            with self._ending:
                self.returncode = os.waitstatus_to_exitcode(int(self._ending.recv(64)))
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal, if it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it, if it runs."""
        self.send_signal(signal.SIGKILL)


Process = Forked | subprocess.Popen[bytes]


def start(
    *arguments: str,
    env: Mapping[str, str] = os.environ,
    stdin: int = 0,
    stdout: int = 1,
    stderr: int = 2,
    real: bool = False,
) -> Process:
    """Begin a command with these descriptors; by a real start if asked, or if that matters."""
    orders, imported = _zygote()
    changed = {  # but for what imports change themselves, here or there
        name: env.get(name)
        for name in {*env, *_AT_FIRST}
        if env.get(name) not in {_AT_FIRST.get(name), imported.get(name)}
    }
    if real or not all(name.startswith(READ_LATE) for name in changed):
        command = [sys.executable, "-m", "geesync", *arguments]
        return subprocess.Popen(command, env=env, stdin=stdin, stdout=stdout, stderr=stderr)
    ours, theirs = socket.socketpair()
    with theirs:
        order = json.dumps([arguments, changed, str(Path.cwd())]).encode()
        socket.send_fds(orders, [order], [stdin, stdout, stderr, theirs.fileno()])
    return Forked(int(ours.recv(64)), ours)


def run(
    *arguments: str,
    env: Mapping[str, str] = os.environ,
    typed: str = "",
    encoding: str = "utf-8",
    real: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, as ``start`` begins it; return what it wrote."""
    with TemporaryFile() as given, TemporaryFile() as out, TemporaryFile() as err:
        given.write(typed.encode())
        given.seek(0)
        files = {"stdin": given.fileno(), "stdout": out.fileno(), "stderr": err.fileno()}
        process = start(*arguments, env=env, real=real, **files)
        try:
            code = process.wait(PATIENCE_S)
        finally:
            process.kill()
            process.wait()
        texts = [
            os.pread(file.fileno(), 2**30, 0).decode(encoding, "replace") for file in (out, err)
        ]
    return subprocess.CompletedProcess(arguments, code, *texts)


@cache
def _zygote() -> tuple[socket.socket, dict[str, str]]:
    """Start the process that forks, for as long as this one lives; return its environment, too."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.commands", str(theirs.fileno())],
            env=_AT_FIRST,
            pass_fds=[theirs.fileno()],
        )
    atexit.register(process.wait)
    atexit.register(ours.close)  # which ends it
    return ours, json.loads(ours.recv(2**20))


def _import_all() -> None:
    """Import geesync as its entry does, but for what has threads, or is the entry itself."""
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
    import geesync  # noqa: PLC0415 # what was told how to start imports nothing of it

    left_out = ("geesync.__main__", "geesync.series", "geesync.recipes")
    for module in pkgutil.walk_packages(geesync.__path__, "geesync."):
        if not module.name.startswith(left_out):
            import_module(module.name)
    for name in IMPORTED_LATE:
        import_module(name)


def _forked(orders: socket.socket) -> list[str] | None:
    """Fork for each order: return its arguments in the process that is to obey; None at the end."""
    running: dict[int, tuple[int, socket.socket]] = {}
    while True:
        for ready in select.select([orders.fileno(), *running], [], [])[0]:
            if ready in running:
                pid, ending = running.pop(ready)
                os.close(ready)
                with ending, suppress(BrokenPipeError):  # who asked may be gone
                    ending.send(b"%d" % os.waitpid(pid, 0)[1])
                continue
            message, descriptors, _, _ = socket.recv_fds(orders, 2**20, 4)
            if not message:
                return None
            ending = socket.socket(fileno=descriptors.pop())
            if pid := os.fork():
                for descriptor in descriptors:
                    os.close(descriptor)
                running[os.pidfd_open(pid)] = pid, ending
                ending.send(b"%d" % pid)
                continue
            for descriptor, (_, other) in running.items():
                os.close(descriptor)
                other.close()
            ending.close()
            orders.close()
            return _become(json.loads(message), descriptors)


def _become(
    order: tuple[list[str], dict[str, str | None], str], descriptors: list[int]
) -> list[str]:
    """Take over what a process is given when it is started; return the command's arguments."""
    arguments, changed, folder = order
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(folder)
    sys.path[0] = folder
    for name, value in changed.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    return arguments


def _end(code: int) -> None:
    """End as the interpreter would, but without taking all apart that was imported."""
    threading._shutdown()  # type: ignore[attr-defined] # waits for threads
    atexit._run_exitfuncs()
    with suppress(OSError, ValueError):  # what cannot be flushed is the interpreter's to tell
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _import_all()
    gc.collect()
    gc.freeze()
    orders = socket.socket(fileno=int(sys.argv[1]))
    orders.send(json.dumps(dict(os.environ)).encode())
    if (told := _forked(orders)) is not None:
        sys.argv[1:] = told
        try:
            runpy.run_module("geesync", run_name="__main__", alter_sys=True)
        except SystemExit as ended:
            if isinstance(ended.code, int):
                _end(ended.code)
            raise
