"""A web server on loopback, in a thread of its own: how every simulated service is served."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from typing import Self

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from geesync.simulator.wire.running import Running

BACKLOG = 512  #: a client with dozens of threads connects them all at once
THREADS = 40  #: for calls that may be slow
CANCELLED_WITHIN_S = 0.3  #: what does not end by then is not waited for


def reserve_port() -> socket.socket:
    """Return a socket that keeps a free port of loopback for a server that is told its number.

    Until it is closed, the system gives the port to nobody who asks for any, neither to listen
    nor to connect; a server that names it, and sets SO_REUSEADDR as most do, may listen on it.
    """
    reserved = socket.socket()
    reserved.bind(("127.0.0.1", 0))
    # Only now: set before, it would let the system choose a port that another one keeps.
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return reserved


class _TransportProtocol(HttpToolsProtocol):
    """Shows an application its TCP connection, so that a fault can cut it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in the base class
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class LoopbackServer(Running):
    """Serves an ASGI application at ``http://127.0.0.1:port`` between start and stop.

    closing: gives back, at the end, what the application keeps for its requests.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        port: int = 0,
        name: str = "simulator",
        closing: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        # The protocol is named because asyncio sends small packets at once only then; else
        # each answer waits 40 ms for the client's acknowledgement of its headers.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        if port:  # where any will do, it would let the system give the same one to two servers
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind(("127.0.0.1", port))
        except OSError as error:
            self._socket.close()
            raise OSError(error.errno, f"port {port} cannot be had: {error.strerror}") from None
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._config = uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            log_level=logging.ERROR,
            access_log=False,
            proxy_headers=False,
            timeout_keep_alive=3600,  # an idle client must not meet a closing connection
        )
        self._closing = closing
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(ThreadPoolExecutor(THREADS, f"{name}-call"))
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> Self:
        """Begin to serve; requests are answered from when this returns."""
        self._socket.listen(BACKLOG)  # connections wait in the kernel until the loop runs
        self._thread.start()
        return self

    def stop(self) -> None:
        """Drop all connections and close the port; may be called more than once."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
        elif not self._loop.is_closed():
            self._loop.close()  # it never ran
        self._socket.close()

    def _run(self) -> None:
        # asyncio.run would wait for the threads of calls that are still at work.
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        """Serve until told to stop, then at once: no test waits for idle connections."""
        self._config.load()
        state = ServerState()

        def connected() -> _TransportProtocol:
            state.default_headers = [(b"date", formatdate(usegmt=True).encode())]
            return _TransportProtocol(self._config, state, {})

        server = await self._loop.create_server(
            connected,
            sock=self._socket,
            backlog=BACKLOG,
        )
        await self._stopping.wait()
        server.close()
        for connection in list(state.connections):
            connection.transport.abort()
        tasks = list(state.tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CANCELLED_WITHIN_S)
        if self._closing is not None:
            await self._closing()
