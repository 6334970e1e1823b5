"""How systemd is told where the daemon stands: the notification protocol, sd_notify(3).

Without $NOTIFY_SOCKET everything here does nothing: the daemon runs the same in a terminal.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from geesync.domain.messages.words import printable
from geesync.logger import get_logger

log = get_logger()

#: What a start or a migration that takes long asks for at a time, and how often.
_EXTENSION_S = 60
_EXTEND_EVERY_S = 20.0

_LONGEST_STATUS = 500


@dataclass
class Systemd:
    """The service manager above this process. A message that cannot be sent stops nothing."""

    _address: str = field(default_factory=lambda: os.environ.get("NOTIFY_SOCKET", ""))
    _failed: bool = field(default=False, init=False)

    @property
    def watchdog_s(self) -> float | None:
        """How long systemd waits for a sign of life before it kills us; None if it does not."""
        usec = os.environ.get("WATCHDOG_USEC", "")
        meant_for_us = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        return int(usec) / 1e6 if usec.isdigit() and meant_for_us else None

    def ready(self, status: str) -> None:
        """The service is up: locked, checked and migrated."""
        self._notify("READY=1", _status(status))

    def status(self, line: str) -> None:
        """Show one line in ``systemctl status``."""
        self._notify(_status(line))

    def alive(self) -> None:
        """Work progresses, or waits for good reason."""
        self._notify("WATCHDOG=1")

    def reloading(self) -> None:
        """The configuration is read anew; ``ready`` ends it."""
        self._notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """The service ends because it was asked to."""
        self._notify("STOPPING=1", _status("stopping"))

    @contextmanager
    def patient(self, why: str) -> Iterator[None]:
        """Ask for more time as long as the block runs: a large ledger takes long to check."""
        done = threading.Event()

        def extend() -> None:
            while True:
                self._notify(f"EXTEND_TIMEOUT_USEC={_EXTENSION_S * 1_000_000}", _status(why))
                if done.wait(_EXTEND_EVERY_S):
                    return

        asking = threading.Thread(target=extend, name="geesync-patience", daemon=True)
        asking.start()
        try:
            yield
        finally:
            done.set()
            asking.join()

    def _notify(self, *assignments: str) -> None:
        if not self._address:
            return
        # "@" stands for the abstract namespace, which the kernel writes as a zero byte.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as to:
                to.connect(address)
                to.sendall("\n".join(assignments).encode())
        except OSError as error:
            if not self._failed:
                log.warning("systemd_not_told", error=str(error))
            self._failed = True


def _status(line: str) -> str:
    return "STATUS=" + printable(" ".join(line.split()))[:_LONGEST_STATUS]
