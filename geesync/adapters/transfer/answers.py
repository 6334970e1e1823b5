"""One answer as it comes in by libcurl: content goes to a sink, a refusal is kept for its words."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Protocol

from geesync.domain.failures.google_errors import refusal
from geesync.errors import Cause, RemoteError

#: What is held before it is written: each piece has a price.
PIECE_BYTES = 512 * 1024

#: Of answers that are held whole, when they are decoded: pages have some megabytes.
LONGEST_ANSWER_BYTES = 256 * 1024**2

#: A refusal is words; more is somebody's web page.
_LONGEST_REFUSAL_BYTES = 4096

_CONTENT = frozenset({0, 200, 204, 206})  #: 0: nothing came
_CLIENT_ERROR = 400


class Sink(Protocol):
    """Takes bytes in order."""

    def write(self, data: bytes) -> int:
        """Take the next bytes; raises what must end the transfer."""


class Collected:
    """A sink that keeps what comes, up to what may come."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._pieces: list[bytes] = []
        self._size_bytes = 0

    def write(self, data: bytes) -> int:
        """Take the next bytes."""
        self._size_bytes += len(data)
        if self._size_bytes > self._most_bytes:
            what = f"more than {self._most_bytes:,} bytes"
            raise RemoteError(Cause.TRANSIENT, f"an unreadable answer: {what}")
        self._pieces.append(data)
        return len(data)

    def whole(self) -> bytes:
        """Return what came; once."""
        whole = b"".join(self._pieces)
        self._pieces = []
        return whole


class Answer:
    """One answer as it comes.

    piece_bytes: how many the sink is given at a time, about, if there are as many.
    """

    def __init__(self, sink: Sink, piece_bytes: int) -> None:
        self.head: list[bytes] = []  #: lines, as they come
        self.error: BaseException | None = None  #: the sink's; libcurl would only print it
        self._sink = sink
        self.piece_bytes = piece_bytes
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
        """Whether it has words in place of content."""
        return self.status not in _CONTENT

    def header(self, name: str) -> str:
        """Return a header's value, or nothing; name: in small letters."""
        beginning = f"{name}:".encode()
        values = (line for line in self.head if line.lower().startswith(beginning))
        return next(values, beginning)[len(beginning) :].strip().decode("latin-1")

    def write(self, data: bytes) -> int:
        """Take 16 KiB of the body; another count than its length ends the transfer."""
        self._pieces.append(data)
        self._held_bytes += len(data)
        if self._held_bytes < self.piece_bytes or self.pass_on():
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
        error = refusal(self.status, message, self.header("retry-after"))
        if self.status < _CLIENT_ERROR:  # a redirection or the like: some proxy's
            error.cause = Cause.TRANSIENT
        return error


def _words(body: bytes) -> str:
    """Return Google's own words of a refusal, or the page's."""
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return body[:200].decode(errors="replace")
