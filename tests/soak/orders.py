"""Daemons that are ordered from a zygote, and killed; see ``tests.soak.zygote``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from geesync.config import Config


class Zygote:
    """A process that has everything imported, and forks a daemon for each order."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process = process
        self._orders: IO[str] = process.stdin
        self._answers: IO[str] = process.stdout

    def begin(self, order: dict[str, Any]) -> int:
        """Have a daemon begin; return its pid."""
        self._orders.write(json.dumps(order) + "\n")
        self._orders.flush()
        return int(self._answers.readline())

    def ended(self) -> int:
        """Wait until the daemon has ended; return how, as ``os.waitpid`` does."""
        return int(self._answers.readline())

    def end(self, pid: int, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal to the daemon; return how it ended."""
        os.kill(pid, number)
        return self.ended()


@contextmanager
def a_zygote() -> Iterator[Zygote]:
    """Give a zygote that ends with the block."""
    command = [sys.executable, "-m", "tests.soak.zygote"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        yield Zygote(process)
        assert process.stdin is not None
        process.stdin.close()


def in_a_hurry(
    config: Config, folder: Path, *, began: float, speed: float, chunk: int
) -> dict[str, Any]:
    """Return the order for a daemon that looks often and asks fast; its log lies in the folder."""
    told = config.model_dump(mode="json")
    told["schedule"] = {"retry": "0.3s", "reconcile": "0.2s", "discover": "3650d"}
    told["throttle"] = {"requests_per_s": 1000, "reserve": 0}
    log = str(folder / "log")
    return {"config": told, "began": began, "speed": speed, "log": log, "chunk": chunk}
