"""libcurl's handles, of which each keeps its connection: how all are set up.

Whatever a server does, a request ends: silence by the time-out.
"""

from __future__ import annotations

import math
import threading
from typing import Any

from geesync.adapters.host import network


class Connections:
    """A connection for each thread that asks, kept open between its requests.

    timeout_s: how long a connection may stay silent.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._of_thread = threading.local()

    def mine(self) -> Any:
        """Return this thread's ``pycurl.Curl``, with the last request's options still set."""
        if not hasattr(self._of_thread, "curl"):
            self._of_thread.curl = handle(self._timeout_s)
        return self._of_thread.curl


def handle(timeout_s: float) -> Any:
    """Return a new ``pycurl.Curl``. timeout_s: how long a connection may stay silent."""
    import pycurl  # noqa: PLC0415 # libcurl is of no use to commands that only look

    curl = pycurl.Curl()
    for option, value in (
        (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),  # one stream is all we want
        (pycurl.NOSIGNAL, True),
        (pycurl.TCP_KEEPALIVE, True),
        (pycurl.CONNECTTIMEOUT_MS, math.ceil(timeout_s * 1000)),
        (pycurl.LOW_SPEED_LIMIT, 1),
        (pycurl.LOW_SPEED_TIME, math.ceil(timeout_s)),
        _trusted(pycurl),
    ):
        curl.setopt(option, value)
    return curl


def aim(curl: Any, url: str, proxy: str | None) -> None:
    """Let a handle ask an address next, through a proxy or directly, whatever libcurl reads."""
    curl.setopt(curl.URL, url)
    curl.setopt(curl.PROXY, proxy or "")
    curl.setopt(curl.NOPROXY, "")


def _trusted(pycurl: Any) -> tuple[int, str]:
    """Return libcurl's option for whom to trust: the same as for all our other requests."""
    path = network.trusted()
    return (pycurl.CAPATH if network.is_folder(path) else pycurl.CAINFO), path
