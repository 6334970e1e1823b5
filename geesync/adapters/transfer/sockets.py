"""Waits for libcurl's sockets whatever their numbers: its own select(2) knows none above 1,023."""

from __future__ import annotations

import select
import time
from contextlib import suppress
from typing import Any


class Sockets:
    """A ``pycurl.CurlMulti`` that tells which sockets and what time it waits for."""

    def __init__(self) -> None:
        import pycurl  # noqa: PLC0415 # libcurl is of no use to commands that only look

        self._epoll = select.epoll()
        self._due: float | None = None  #: on the monotonic clock: when libcurl wants to be asked
        self._events = {
            pycurl.POLL_IN: select.EPOLLIN,
            pycurl.POLL_OUT: select.EPOLLOUT,
            pycurl.POLL_INOUT: select.EPOLLIN | select.EPOLLOUT,
        }
        self._time_out = pycurl.SOCKET_TIMEOUT
        self.multi = pycurl.CurlMulti()
        self.multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self.multi.setopt(pycurl.M_TIMERFUNCTION, self._wake)

    def work(self, most_s: float) -> None:
        """Wait until something has come or may go, for so long at most; let libcurl act on it."""
        wait_s = most_s if self._due is None else min(most_s, self._due - time.monotonic())
        for socket, _ in self._epoll.poll(max(0.0, wait_s)):
            self.multi.socket_action(socket, 0)  # what may be done there, libcurl asks itself
        if self._due is not None and self._due <= time.monotonic():
            self._due = None
            self.multi.socket_action(self._time_out, 0)

    def _watch(self, wanted: int, socket: int, _multi: Any, _data: Any) -> None:
        """Hear from libcurl which socket it waits for, and for what."""
        # Always anew: the number may be another socket's by now, which the system does not know.
        with suppress(OSError):
            self._epoll.unregister(socket)
        if events := self._events.get(wanted):
            self._epoll.register(socket, events)

    def _wake(self, wait_ms: int) -> None:
        """Hear from libcurl when it wants to be asked, whatever the sockets do; -1 is never."""
        self._due = None if wait_ms < 0 else time.monotonic() + wait_ms / 1000
