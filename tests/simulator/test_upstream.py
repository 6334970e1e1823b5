"""The client of a server on loopback: keeps connections, and tells whole answers from others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from geesync.simulator.wire.upstream import Upstream

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"


class Server:
    """Says what it is told to say, and counts its connections."""

    def __init__(self, *answers: bytes, closes: bool = False) -> None:
        self.answers = list(answers)
        self.closes = closes
        self.connections = 0
        self.asked: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while self.answers:
            try:
                self.asked.append(await reader.readuntil(b"\r\n\r\n"))
            except asyncio.IncompleteReadError:
                break
            writer.write(self.answers.pop(0))
            await writer.drain()
            if self.closes:
                break
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def reached(server: Server) -> AsyncIterator[Upstream]:
    async with await asyncio.start_server(server.serve, "127.0.0.1", 0) as listening:
        upstream = Upstream(listening.sockets[0].getsockname()[1])
        yield upstream
        await upstream.close()


def story(server: Server, tell: Callable[[Upstream], Awaitable[None]]) -> None:
    async def run() -> None:
        async with reached(server) as upstream:
            await tell(upstream)

    asyncio.run(run())


async def read(upstream: Upstream, method: str = "GET") -> bytes:
    async with upstream.ask(method, "/a", [(b"host", b"here")]) as answer:
        return await answer.read()


def test_requests_follow_each_other_on_one_connection() -> None:
    server = Server(WHOLE, CHUNKED, WHOLE)

    async def tell(upstream: Upstream) -> None:
        assert [await read(upstream) for _ in range(3)] == [b"hello"] * 3

    story(server, tell)

    assert server.connections == 1
    assert server.asked[0] == b"GET /a HTTP/1.1\r\nhost: here\r\n\r\n"


def test_a_connection_that_the_server_closed_is_not_used_again() -> None:
    server = Server(WHOLE, WHOLE, closes=True)

    async def tell(upstream: Upstream) -> None:
        await read(upstream)
        reader, _ = upstream._kept[0]
        assert await reader.read() == b""

        assert await read(upstream) == b"hello"

    story(server, tell)

    assert server.connections == 2


def test_the_length_in_an_answer_to_head_is_not_waited_for() -> None:
    server = Server(WHOLE.removesuffix(b"hello"), WHOLE)

    async def tell(upstream: Upstream) -> None:
        assert await read(upstream, "HEAD") == b""
        assert await read(upstream) == b"hello"

    story(server, tell)

    assert server.connections == 1


@pytest.mark.parametrize("broken", [WHOLE[:-1], CHUNKED[:-5], WHOLE[:20]])
def test_half_an_answer_is_none(broken: bytes) -> None:
    async def tell(upstream: Upstream) -> None:
        with pytest.raises(ConnectionResetError):
            await read(upstream)

    story(Server(broken, closes=True), tell)


def test_a_connection_is_not_used_again_unless_its_answer_was_read() -> None:
    server = Server(WHOLE[:-1], WHOLE)

    async def tell(upstream: Upstream) -> None:
        async with upstream.ask("GET", "/a", []) as answer:
            assert answer.status == 200

        assert await read(upstream) == b"hello"

    story(server, tell)

    assert server.connections == 2
