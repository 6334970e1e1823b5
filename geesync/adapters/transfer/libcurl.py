"""How libcurl is set up, and how its sockets are waited for.

Whatever a server does, a request ends: silence by the time-out.
"""

from __future__ import annotations

import io
import math
import select
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from geesync.adapters.host.network import trusted


class Sockets:
    """A ``pycurl.CurlMulti`` that tells which sockets and what time it waits for.

    It can wait for sockets of any number: libcurl's own select(2) knows none above 1,023.
    """

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
        """Called by libcurl: which socket it waits for, and for what."""
        # Always anew: the number may be another socket's by now, which the system does not know.
        with suppress(OSError):
            self._epoll.unregister(socket)
        if events := self._events.get(wanted):
            self._epoll.register(socket, events)

    def _wake(self, wait_ms: int) -> None:
        """Called by libcurl: when it wants to be asked, whatever the sockets do; -1 is never."""
        self._due = None if wait_ms < 0 else time.monotonic() + wait_ms / 1000


def handle(timeout_s: float) -> Any:
    """Return a new ``pycurl.Curl``, which keeps its connection.

    timeout_s: how long a connection may stay silent.
    """
    import pycurl  # noqa: PLC0415 # libcurl is of no use to commands that only look

    curl = pycurl.Curl()
    trusts = trusted()
    for option, value in (
        (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),  # one stream is all we want
        (pycurl.NOSIGNAL, True),
        (pycurl.TCP_KEEPALIVE, True),
        (pycurl.CONNECTTIMEOUT_MS, math.ceil(timeout_s * 1000)),
        (pycurl.LOW_SPEED_LIMIT, 1),
        (pycurl.LOW_SPEED_TIME, math.ceil(timeout_s)),
        (pycurl.CAPATH if Path(trusts).is_dir() else pycurl.CAINFO, trusts),
    ):
        curl.setopt(option, value)
    return curl


def prepare(
    curl: Any, method: str, url: str, *, proxy: str | None, headers: list[str], body: bytes | None
) -> None:
    """Set a handle's next request; through a proxy or directly, whatever libcurl reads of it."""
    curl.setopt(curl.URL, url)
    curl.setopt(curl.PROXY, proxy or "")
    curl.setopt(curl.NOPROXY, "")
    curl.setopt(curl.HTTPHEADER, [line.encode() for line in (*headers, "expect:")])
    curl.setopt(curl.HTTPGET, 1)
    if body is not None:
        curl.setopt(curl.POST, 1)
        curl.setopt(curl.POSTFIELDSIZE_LARGE, len(body))
        # What it cannot rewind, libcurl does not ask twice when a kept connection breaks: whether
        # an export may be asked again is the ledger's to say.
        curl.setopt(curl.READFUNCTION, io.BytesIO(body).read)
    curl.setopt(curl.CUSTOMREQUEST, method)
