"""Requests to a server on loopback, by connections that are kept: httptools reads the answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import httptools

Headers = list[tuple[bytes, bytes]]

PIECE_BYTES = 2**18  #: of a body that are read at once, at most


class AnswerParser:
    """Reads the bytes of one answer, however they are cut; headers have names in lower case."""

    def __init__(self, *, only_head: bool = False) -> None:
        self.headers: Headers = []
        self.begun = False
        self.ended = False
        self.keeps_alive = False
        self._only_head = only_head
        self._pieces: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)

    @property
    def status(self) -> int:
        """The HTTP status, once the head is there."""
        return self._parser.get_status_code()

    def feed(self, data: bytes) -> None:
        """Take in what came; raises ConnectionResetError if that is the end of the connection."""
        if not data:
            raise ConnectionResetError("the connection ended before the answer did")
        self._parser.feed_data(data)

    def take(self) -> list[bytes]:
        """Return what of the body came since the last call."""
        pieces, self._pieces = self._pieces, []
        return pieces

    # --- What httptools calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take in a header."""
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Take in the end of the head; the length that one to HEAD names is not to come."""
        self.begun = True
        self.keeps_alive = self._parser.should_keep_alive()  # it forgets that at the end
        self.ended = self._only_head

    def on_body(self, body: bytes) -> None:
        """Take in a piece of the body."""
        self._pieces.append(body)

    def on_message_complete(self) -> None:
        """Take in the end."""
        self.ended = True


class Answer:
    """The answer to a request; its head is there, its body comes in pieces."""

    def __init__(self, reader: asyncio.StreamReader, parser: AnswerParser) -> None:
        self._reader = reader
        self._parser = parser

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self._parser.status

    @property
    def headers(self) -> Headers:
        """The headers, names in lower case."""
        return self._parser.headers

    async def begin(self) -> None:
        """Return when the head is there."""
        while not self._parser.begun:
            self._parser.feed(await self._reader.read(PIECE_BYTES))

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body, once."""
        while True:
            for piece in self._parser.take():
                yield piece
            if self._parser.ended:
                return
            self._parser.feed(await self._reader.read(PIECE_BYTES))

    async def read(self) -> bytes:
        """Return the body, once."""
        return b"".join([piece async for piece in self.pieces()])


class Upstream:
    """An HTTP server on loopback, as a client of many requests at a time sees it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._kept: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._closed = False

    @contextlib.asynccontextmanager
    async def ask(
        self, method: str, target: str, headers: Headers, body: AsyncIterator[bytes] | None = None
    ) -> AsyncIterator[Answer]:
        """Send a request and give its answer.

        body: framed as the headers say; sent before the answer is read.
        Raises OSError if the server goes away.
        """
        reader, writer = await self._connection()
        parser = AnswerParser(only_head=method == "HEAD")
        answer = Answer(reader, parser)
        try:
            writer.write(request_head(method, target, headers))
            if body is not None:
                await _send(writer, body, chunked=(b"transfer-encoding", b"chunked") in headers)
            await answer.begin()
            yield answer
        finally:
            if parser.ended and parser.keeps_alive and not self._closed:
                self._kept.append((reader, writer))
            else:
                writer.close()

    async def close(self) -> None:
        """Close the connections that are kept; no other will be."""
        self._closed = True
        for _, writer in self._kept:
            writer.close()
            await writer.wait_closed()

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._kept:
            reader, writer = self._kept.pop()
            if not (reader.at_eof() or writer.is_closing()):
                return reader, writer
            writer.close()
        return await asyncio.open_connection("127.0.0.1", self._port, limit=PIECE_BYTES)


def request_head(method: str, target: str, headers: Headers) -> bytes:
    """Return all of a request but its body."""
    first = f"{method} {target} HTTP/1.1\r\n".encode("latin-1")
    return b"".join([first, *(b"%b: %b\r\n" % header for header in headers), b"\r\n"])


async def _send(writer: asyncio.StreamWriter, body: AsyncIterator[bytes], *, chunked: bool) -> None:
    async for piece in body:
        writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        await writer.drain()
    if chunked:
        writer.write(b"0\r\n\r\n")
