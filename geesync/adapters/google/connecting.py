"""A connection that is made once, when it is first asked for, however many threads ask."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Connection = TypeVar("Connection")


class ConnectedOnce(Generic[Connection]):
    """Connects at the first call; a call that fails leaves it to the next one."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self._connect = connect
        self._connecting = threading.Lock()
        self._connected: Connection | None = None

    def __call__(self) -> Connection:
        """Return the connection."""
        with self._connecting:
            if self._connected is None:
                self._connected = self._connect()
            return self._connected
