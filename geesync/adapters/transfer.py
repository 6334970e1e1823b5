"""Moves the bytes of one object from Cloud Storage into a sink.

Whatever a server does, a transfer ends: silence by the time-out, everything else when the sink or
the program says stop, within a second.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol
from urllib.parse import quote

from geesync.adapters.answers import token_error
from geesync.adapters.connections import Connections
from geesync.domain.coverage import StoredObject
from geesync.domain.failures import classify_call
from geesync.errors import Cause, RemoteError

_GOOGLE = "https://storage.googleapis.com"

#: What libcurl hands over at a time, at most; fewer crossings into Python cost less.
_BUFFER_BYTES = 512 * 1024

#: A refusal is words; more is somebody's web page.
_LONGEST_REFUSAL_BYTES = 4096

_CLIENT_ERROR = 400
_UNAUTHORIZED = 401
_RETRY_AFTER = b"retry-after:"
_ABORT = 1


class Sink(Protocol):
    """Takes bytes in order."""

    def write(self, data: bytes) -> int:
        """Take the next bytes; raises what must end the transfer."""


class Transfers:
    """Downloads as one user; any number of threads at a time.

    timeout_s: how long a connection may stay silent. stopping: asked about once a second, also
    while nothing comes.
    """

    def __init__(
        self,
        *,
        credentials: Any,
        url: str | None,
        timeout_s: float,
        stopping: Callable[[], bool],
    ) -> None:
        self._credentials = credentials
        self._url = (url or _GOOGLE).rstrip("/")
        self._stopping = stopping
        self._connections = Connections(timeout_s, self._prepare)
        self._asking = threading.Lock()
        self._request: Any = None

    def fetch(self, bucket: str, obj: StoredObject, sink: Sink, *, start: int) -> None:
        """Write one generation's bytes from an offset on into the sink, as they are stored.

        Raises what the sink raised, or RemoteError.
        """
        place = f"{quote(bucket, safe='')}/o/{quote(obj.name, safe='')}"
        url = f"{self._url}/download/storage/v1/b/{place}?alt=media&generation={obj.generation}"
        answer = self._get(url, sink, start)
        if answer.status == _UNAUTHORIZED:
            self._renew()  # it may have been withdrawn before its time
            answer = self._get(url, sink, start)
        if answer.is_refusal:
            raise answer.refusal()

    def _get(self, url: str, sink: Sink, start: int) -> _Answer:
        import pycurl  # noqa: PLC0415 # libcurl is of no use to commands that only look

        answer = _Answer(sink)
        curl = self._connections.mine()
        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.RANGE, f"{start}-") if start else curl.unsetopt(pycurl.RANGE)
        curl.setopt(pycurl.HTTPHEADER, self._headers(url))
        curl.setopt(pycurl.HEADERFUNCTION, answer.head.append)
        curl.setopt(pycurl.WRITEFUNCTION, answer.write)
        try:
            curl.perform()
        except pycurl.error as error:
            if answer.error is not None:
                raise answer.error from None
            if not answer.is_refusal:  # a refusal's status tells enough, whole or not
                reason = "stopped" if self._stopping() else f"no answer: {error.args[-1]}"
                raise RemoteError(Cause.TRANSIENT, reason) from None
        return answer

    def _prepare(self, curl: Any) -> None:
        import pycurl  # noqa: PLC0415

        curl.setopt(pycurl.BUFFERSIZE, _BUFFER_BYTES)
        curl.setopt(pycurl.NOPROGRESS, 0)
        curl.setopt(pycurl.XFERINFOFUNCTION, lambda *_: _ABORT if self._stopping() else 0)

    def _headers(self, url: str) -> list[str]:
        headers: dict[str, str] = {}
        self._with_token(
            lambda request: self._credentials.before_request(request, "GET", url, headers)
        )
        return [f"{name}: {value}" for name, value in headers.items()]

    def _renew(self) -> None:
        self._with_token(self._credentials.refresh)

    def _with_token(self, use: Callable[[Any], None]) -> None:
        """Let google-auth ask for a token if it must: one thread does, the others use it."""
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415
        from google.auth.transport.requests import Request  # noqa: PLC0415

        with self._asking:
            self._request = self._request or Request()
            try:
                use(self._request)
            except GoogleAuthError as error:
                raise token_error(error) from None  # its context holds the endpoint's whole answer


@dataclass
class _Answer:
    """One answer as it comes: content goes to the sink, a refusal is kept for its words."""

    sink: Sink
    head: list[bytes] = field(default_factory=list)  #: lines, as they come
    error: BaseException | None = None  #: what the sink raised; libcurl would only print it
    _words: bytearray = field(default_factory=bytearray)

    @cached_property
    def status(self) -> int:
        """The last status that came; asked for when the head is whole."""
        codes = [line.split()[1:2] for line in self.head if line.startswith(b"HTTP/")]
        code = b"".join(codes[-1]) if codes else b""
        return int(code) if code.isdigit() else 0

    @cached_property
    def is_refusal(self) -> bool:
        return self.status not in {0, 200, 206}

    def write(self, data: bytes) -> int:
        """Take a piece of the body; another count than its length ends the transfer."""
        if self.is_refusal:
            self._words += data
            return len(data) if len(self._words) < _LONGEST_REFUSAL_BYTES else 0
        try:
            return self.sink.write(data)
        except BaseException as error:  # noqa: BLE001 # it is raised again behind libcurl's back
            self.error = error
            return 0

    def refusal(self) -> RemoteError:
        """Return what an answer without content means."""
        message = f"{self.status}: {_words(bytes(self._words))}"
        is_theirs = self.status < _CLIENT_ERROR  # a redirection or the like: some proxy's
        retry_after = [
            line[len(_RETRY_AFTER) :].strip().decode("latin-1")
            for line in self.head
            if line.lower().startswith(_RETRY_AFTER)
        ]
        return RemoteError(
            Cause.TRANSIENT if is_theirs else classify_call(self.status, message),
            message,
            status=self.status,
            retry_after_s=next((float(wait) for wait in retry_after if wait.isdecimal()), None),
        )


def _words(body: bytes) -> str:
    """Return Google's own words of a refusal, or the page's."""
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return body[:200].decode(errors="replace")
