"""How the Earth Engine client's requests travel: by libcurl, through the client's own opening.

The client asks through requests else, which takes longer than all the rest of an asset's way.
"""

from __future__ import annotations

import io
import threading
from typing import Any

from geesync.adapters.host.network import Proxies
from geesync.adapters.transfer.answers import LONGEST_ANSWER_BYTES
from geesync.adapters.transfer.libcurl import handle, prepare

#: libcurl undoes them by itself; and it would wait for a server's leave to send a large body.
_LEFT_TO_LIBCURL = frozenset({"accept-encoding", "content-length", "expect"})


class Transport:
    """What the client calls its ``http_transport``: the interface of ``httplib2.Http``.

    timeout_s: how long a server may stay silent. Any number of threads may ask at a time.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._of_thread = threading.local()  #: its connection, kept open between its requests
        self._proxies = Proxies()

    def request(
        self,
        uri: str,
        method: str = "GET",
        body: str | bytes | None = None,
        headers: dict[str, str] | None = None,
        **_: Any,
    ) -> tuple[Any, bytes]:
        """Ask once; return the ``httplib2.Response`` and its body, whatever its status is.

        A redirection is an answer, too: Earth Engine sends none, and our token is for it alone.
        Raises TimeoutError or ConnectionError, also for one that is larger than any should be.
        """
        import httplib2  # noqa: PLC0415
        import pycurl  # noqa: PLC0415

        if not hasattr(self._of_thread, "curl"):
            self._of_thread.curl = handle(self._timeout_s)
        curl = self._of_thread.curl
        head: list[bytes] = []
        content = _Content(LONGEST_ANSWER_BYTES)
        data = body.encode() if isinstance(body, str) else body
        proxy = self._proxies.of(uri)
        prepare(curl, method, uri, proxy=proxy, headers=_lines(headers or {}), body=data)
        curl.setopt(pycurl.ACCEPT_ENCODING, "")  # all that it knows
        curl.setopt(pycurl.HEADERFUNCTION, head.append)
        curl.setopt(pycurl.WRITEFUNCTION, content.write)
        try:
            curl.perform()
        except pycurl.error as error:
            code, reason = error.args
            reason = content.refused or reason
            late = code == pycurl.E_OPERATION_TIMEDOUT
            raise (TimeoutError if late else ConnectionError)(None, reason) from None
        response = httplib2.Response(_headers(head, curl.getinfo(pycurl.RESPONSE_CODE)))
        answer = content.getvalue()
        content.close()  # the handle has it until it asks again: a page may be megabytes
        return response, answer


class _Content(io.BytesIO):
    """A body as it comes in, decoded: a megabyte that is made to become gigabytes is refused."""

    def __init__(self, most_bytes: int) -> None:
        super().__init__()
        self._most_bytes = most_bytes
        self.refused = ""  #: why no more is taken

    def write(self, data: Any) -> int:
        """Take some more; another count than its length ends the request."""
        if self.tell() + len(data) > self._most_bytes:
            self.refused = f"an answer of more than {self._most_bytes:,} bytes"
            return 0
        return super().write(data)


def _lines(headers: dict[str, str]) -> list[str]:
    kept = (name for name in headers if name.lower() not in _LEFT_TO_LIBCURL)
    return [f"{name}: {headers[name]}" for name in kept]


def _headers(head: list[bytes], status: int) -> dict[str, Any]:
    """Return the last answer's headers; what came before it said that it would come."""
    headers: dict[str, Any] = {}
    for line in head:
        name, colon, value = line.decode("latin-1").partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
        elif line.startswith(b"HTTP/"):
            headers.clear()
    # It says how the body travelled, which libcurl has undone.
    headers.pop("content-encoding", None)
    return headers | {"status": status}
