"""Requests that carry our token, by libcurl: many on their way at a time, by one thread.

Whatever a server does, a request ends: silence by the time-out, everything else when the sink says
stop.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from geesync.adapters.host.network import Proxies
from geesync.adapters.transfer.answers import (
    LONGEST_ANSWER_BYTES,
    PIECE_BYTES,
    Answer,
    Collected,
    Sink,
)
from geesync.adapters.transfer.curl_loop import STOPPED, Exchange
from geesync.adapters.transfer.libcurl import handle, prepare
from geesync.domain.failures.google_errors import token_error
from geesync.errors import Cause, RemoteError

#: What libcurl reads at a time; it hands over 16 KiB of it at a time, whatever it is told.
_BUFFER_BYTES = 128 * 1024

_UNAUTHORIZED = 401

#: Less than any line gives one of all that are on their way, for as long as silence is allowed.
_TRICKLE_BYTES_PER_S = 256


class TooSlowError(RemoteError):
    """A server that sends so little, or nothing, that others need not wait for the rest."""


class SignedRequests:
    """Asks as one user; any number of threads at a time.

    base: the service's address, with which all others begin. timeout_s: how long a connection may
    stay silent. encoded: let servers encode what they send, if libcurl can undo it.
    """

    def __init__(
        self, base: str, *, credentials: Any, timeout_s: float, encoded: bool = False
    ) -> None:
        self._credentials = credentials
        self._proxy = Proxies().of(base)
        self._timeout_s = timeout_s
        self._encoded = encoded
        self._idle: list[Any] = []
        self._asking = threading.Lock()
        self._request: Any = None
        self._headers_of_token: tuple[object, list[str]] = (object(), [])

    async def content(self, url: str, method: str = "GET") -> bytes:
        """Return what an address answers, whole. Raises RemoteError."""
        answer = Collected(LONGEST_ANSWER_BYTES)
        await self.ask(url, answer, method=method)
        return answer.whole()

    async def ask(
        self,
        url: str,
        sink: Sink,
        *,
        method: str = "GET",
        body: bytes | None = None,
        start: int = 0,
        piece_bytes: int = PIECE_BYTES,
    ) -> Answer:
        """Write what an address answers, from an offset on, into the sink.

        body: JSON, for a POST. piece_bytes: how many the sink is given at a time, about, if there
        are as many. Raises what the sink raised, or RemoteError.
        """
        answer = await self._once(url, Answer(sink, piece_bytes), method, body, start)
        if answer.status == _UNAUTHORIZED:
            self._with_token(self._credentials.refresh)  # it may have been withdrawn early
            answer = await self._once(url, Answer(sink, piece_bytes), method, body, start)
        if answer.is_refusal:
            raise answer.refusal()
        return answer

    async def _once(
        self, url: str, answer: Answer, method: str, body: bytes | None, start: int
    ) -> Answer:
        import pycurl  # noqa: PLC0415 # libcurl is of no use to commands that only look

        with self._handle() as curl:
            headers = self._headers(url)
            headers = [*headers, "content-type: application/json"] if body else headers
            prepare(curl, method, url, proxy=self._proxy, headers=headers, body=body)
            curl.setopt(pycurl.RANGE, f"{start}-") if start else curl.unsetopt(pycurl.RANGE)
            curl.setopt(pycurl.HEADERFUNCTION, answer.head.append)
            curl.setopt(pycurl.WRITEFUNCTION, answer.write)
            waits = answer.piece_bytes < PIECE_BYTES  # we take them slowly: that says nothing
            curl.setopt(pycurl.LOW_SPEED_LIMIT, 1 if waits else _TRICKLE_BYTES_PER_S)
            broken = await Exchange(curl)
        answer.pass_on()
        if answer.error is not None:
            raise answer.error from None
        if broken and not answer.is_refusal:  # a refusal's status tells enough, whole or not
            reason = broken if broken == STOPPED else f"no answer: {broken}"
            kind = TooSlowError if "too slow" in broken else RemoteError
            raise kind(Cause.TRANSIENT, reason)
        return answer

    @contextmanager
    def _handle(self) -> Iterator[Any]:
        import pycurl  # noqa: PLC0415

        try:
            curl = self._idle.pop()
        except IndexError:
            curl = handle(self._timeout_s)
            curl.setopt(pycurl.BUFFERSIZE, _BUFFER_BYTES)
            if self._encoded:
                curl.setopt(pycurl.ACCEPT_ENCODING, "")  # all that it knows
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

    def _with_token(self, use: Callable[[Any], None]) -> None:
        """Let google-auth ask for a token if it must: one thread does, the others use it."""
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415 # slow to load

        from geesync.adapters.transfer.sessions import for_tokens  # noqa: PLC0415 # likewise

        with self._asking:
            self._request = self._request or for_tokens()
            try:
                use(self._request)
            except GoogleAuthError as error:
                raise token_error(error) from None  # its context holds the endpoint's whole answer
