"""Moves the bytes of one object from Cloud Storage into a sink.

Whatever a server does, a transfer ends: silence by the time-out, everything else when the sink
says stop. Many are on their way at a time, by one thread (``wire``).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Protocol
from urllib.parse import quote

from geesync.adapters.host.network import Proxies
from geesync.adapters.transfer.connections import aim, handle
from geesync.adapters.transfer.curl_loop import STOPPED, Exchange
from geesync.domain.mirror.coverage import StoredObject
from geesync.domain.tasks.failures import classify_call
from geesync.domain.tasks.google_errors import token_error
from geesync.errors import Cause, RemoteError

_GOOGLE = "https://storage.googleapis.com"

#: What is held before it is written: each piece has a price.
PIECE_BYTES = 512 * 1024

#: What libcurl reads at a time; it hands over 16 KiB of it at a time, whatever it is told.
_BUFFER_BYTES = 128 * 1024

#: A refusal is words; more is somebody's web page.
_LONGEST_REFUSAL_BYTES = 4096

_CONTENT = frozenset({0, 200, 206})  #: 0: nothing came
_CLIENT_ERROR = 400
_UNAUTHORIZED = 401
_RETRY_AFTER = b"retry-after:"


class Sink(Protocol):
    """Takes bytes in order."""

    def write(self, data: bytes) -> int:
        """Take the next bytes; raises what must end the transfer."""


class Transfers:
    """Downloads as one user; any number of threads at a time.

    timeout_s: how long a connection may stay silent. token_request: makes what google-auth asks
    for a token with.
    """

    def __init__(
        self,
        *,
        credentials: Any,
        token_request: Callable[[], Any],
        url: str | None,
        timeout_s: float,
    ) -> None:
        self._credentials = credentials
        self._token_request = token_request
        self._url = (url or _GOOGLE).rstrip("/")
        self._timeout_s = timeout_s
        self._proxy = Proxies().of(self._url)
        self._idle: list[Any] = []
        self._asking = threading.Lock()
        self._request: Any = None
        self._headers_of_token: tuple[object, list[str]] = (object(), [])

    async def fetch(
        self, bucket: str, obj: StoredObject, sink: Sink, *, start: int, piece_bytes: int
    ) -> None:
        """Write one generation's bytes from an offset on into the sink, as they are stored.

        piece_bytes: how many the sink is given at a time, about, if there are as many.
        Raises what the sink raised, or RemoteError.
        """
        place = f"{quote(bucket, safe='')}/o/{quote(obj.name, safe='')}"
        url = f"{self._url}/download/storage/v1/b/{place}?alt=media&generation={obj.generation}"
        answer = await self._get(url, _Answer(sink, piece_bytes), start)
        if answer.status == _UNAUTHORIZED:
            self._renew()  # it may have been withdrawn before its time
            answer = await self._get(url, _Answer(sink, piece_bytes), start)
        if answer.is_refusal:
            raise answer.refusal()

    async def _get(self, url: str, answer: _Answer, start: int) -> _Answer:
        import pycurl  # noqa: PLC0415 # libcurl is of no use to commands that only look

        with self._handle() as curl:
            aim(curl, url, self._proxy)
            curl.setopt(pycurl.RANGE, f"{start}-") if start else curl.unsetopt(pycurl.RANGE)
            curl.setopt(pycurl.HTTPHEADER, self._headers(url))
            curl.setopt(pycurl.HEADERFUNCTION, answer.head.append)
            curl.setopt(pycurl.WRITEFUNCTION, answer.write)
            broken = await Exchange(curl)
        answer.pass_on()
        if answer.error is not None:
            raise answer.error from None
        if broken and not answer.is_refusal:  # a refusal's status tells enough, whole or not
            reason = broken if broken == STOPPED else f"no answer: {broken}"
            raise RemoteError(Cause.TRANSIENT, reason)
        return answer

    @contextmanager
    def _handle(self) -> Iterator[Any]:
        import pycurl  # noqa: PLC0415

        try:
            curl = self._idle.pop()
        except IndexError:
            curl = handle(self._timeout_s)
            curl.setopt(pycurl.BUFFERSIZE, _BUFFER_BYTES)
        yield curl
        self._idle.append(curl)  # one that was given up in the middle is not used again

    def _headers(self, url: str) -> list[str]:
        token = self._credentials.token
        if not (self._headers_of_token[0] == token and self._credentials.valid):
            headers: dict[str, str] = {}
            self._with_token(
                lambda request: self._credentials.before_request(request, "GET", url, headers)
            )
            lines = [f"{name}: {value}" for name, value in headers.items()]
            self._headers_of_token = self._credentials.token, lines
        return self._headers_of_token[1]

    def _renew(self) -> None:
        self._with_token(self._credentials.refresh)

    def _with_token(self, use: Callable[[Any], None]) -> None:
        """Let google-auth ask for a token if it must: one thread does, the others use it."""
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415

        with self._asking:
            self._request = self._request or self._token_request()
            try:
                use(self._request)
            except GoogleAuthError as error:
                raise token_error(error) from None  # its context holds the endpoint's whole answer


class _Answer:
    """One answer as it comes: content goes to the sink, a refusal is kept for its words."""

    def __init__(self, sink: Sink, piece_bytes: int) -> None:
        self.head: list[bytes] = []  #: lines, as they come
        self.error: BaseException | None = None  #: the sink's; libcurl would only print it
        self._sink = sink
        self._piece_bytes = piece_bytes
        self._pieces: list[bytes] = []
        self._held_bytes = 0

    @cached_property
    def status(self) -> int:
        """The last status that came; asked for when the head is whole."""
        codes = [line.split()[1:2] for line in self.head if line.startswith(b"HTTP/")]
        code = b"".join(codes[-1]) if codes else b""
        return int(code) if code.isdigit() else 0

    @property
    def is_refusal(self) -> bool:
        return self.status not in _CONTENT

    def write(self, data: bytes) -> int:
        """Take 16 KiB of the body; another count than its length ends the transfer."""
        self._pieces.append(data)
        self._held_bytes += len(data)
        if self._held_bytes < self._piece_bytes or self.pass_on():
            return len(data)
        return 0

    def pass_on(self) -> bool:
        """Give the sink what is held; whether more may come. A refusal stays here."""
        if self.is_refusal:
            return self._held_bytes < _LONGEST_REFUSAL_BYTES
        if self._pieces and self.error is None:
            try:
                self._sink.write(b"".join(self._pieces))
            except BaseException as error:  # noqa: BLE001 # it is raised again behind libcurl's back
                self.error = error
            self._pieces, self._held_bytes = [], 0
        return self.error is None

    def refusal(self) -> RemoteError:
        """Return what an answer without content means."""
        message = f"{self.status}: {_words(b''.join(self._pieces)[:_LONGEST_REFUSAL_BYTES])}"
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
