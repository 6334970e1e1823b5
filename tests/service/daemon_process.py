"""The real daemon as a process of its own, with a service manager's socket to talk to."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from geesync.simulator.simulator import Simulator
from tests import commands
from tests.commands import Process

#: Longer than anything here takes on a busy machine; only a failing test waits for it.
PATIENCE_S = 60.0


class Manager:
    """What systemd hears."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.heard: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)

    def hear(self, wanted: str, *, within_s: float = PATIENCE_S) -> str:
        """Return the next line that contains what is wanted."""
        deadline = time.monotonic() + within_s
        while (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                lines = self._socket.recv(65536).decode().splitlines()
            except TimeoutError:
                break
            self.heard += lines
            for line in lines:
                if wanted in line:
                    return line
        raise AssertionError(f"{wanted!r} was not heard, but {self.heard}")

    def forget(self) -> None:
        """Drop what was said so far."""
        self.heard.clear()
        self._socket.settimeout(0)
        try:
            while self._socket.recv(65536):
                pass
        except BlockingIOError:
            pass

    def close(self) -> None:
        self._socket.close()


class Place:
    """A folder with a configuration, and commands that use it."""

    def __init__(self, folder: Path, simulator: Simulator) -> None:
        self.folder = folder
        self.simulator = simulator
        self.config = folder / "geesync.toml"
        self.ledger = folder / "geesync.db"
        self.mirror = folder / "mirror"
        self.log = folder / "daemon.log"
        self.write_config()

    def write_config(self, *, throttle: str = "", log: str = "", earth_engine: str = "") -> None:
        self.config.write_text(
            f"""
ledger = "{self.ledger}"
mirror = "{self.mirror}"
bucket = "{self.simulator.bucket}"
way = "bucket"
[earth_engine]
project = "{self.simulator.project}"
url = "{self.simulator.earth_engine_url}"
{earth_engine}
[storage]
url = "{self.simulator.storage_url}"
[throttle]
requests_per_s = 1000
reserve = 0
{throttle}
[schedule]
reconcile = "0.2s"
[log]
format = "json"
{log}
"""
        )

    def environment(self, **more: str) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("GEESYNC_", "WATCHDOG_"))}
        return kept | {"GEESYNC_CONFIG": str(self.config)} | more

    def geesync(self, *arguments: str, code: int = 0, stream: str = "stdout") -> str:
        """Run a command to its end; return what it said on a stream."""
        done = commands.run(*arguments, env=self.environment())
        assert done.returncode == code, done.stdout + done.stderr
        return str(getattr(done, stream))

    @contextmanager
    def daemon(self, *, real: bool = False, **environment: str) -> Iterator[Process]:
        """Run the daemon; what is left of it at the end is killed."""
        with self.log.open("ab") as lines:
            process = commands.start(
                "daemon", env=self.environment(**environment), stderr=lines.fileno(), real=real
            )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()

    def logged(self, event: str) -> bool:
        return f'"event": "{event}"' in self.log.read_text()


def terminate(process: Process) -> float:
    """Ask the daemon to end; return how long it took, in s."""
    asked_at = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 0
    return time.monotonic() - asked_at


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until something holds that is certain to hold soon."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it never held"
        time.sleep(0.02)
