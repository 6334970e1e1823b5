"""A web server on loopback, in a thread of its own: how every simulated service is served."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from types import TracebackType
from typing import Self

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

STARTED_WITHIN_S = 10.0
BACKLOG = 512  #: a client with dozens of threads connects them all at once


class _TransportProtocol(H11Protocol):
    """Shows an application its TCP connection, so that a fault can cut it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in the base class
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class LoopbackServer:
    """Serves an ASGI application at ``http://127.0.0.1:port`` between start and stop."""

    def __init__(self, app: ASGIApp, *, port: int = 0, name: str = "simulator") -> None:
        # asyncio spares sockets of an explicit protocol the delays of Nagle's algorithm.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        config = uvicorn.Config(
            app,
            http=_TransportProtocol,
            loop="asyncio",
            lifespan="off",
            log_config=None,
            log_level=logging.ERROR,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=BACKLOG,
            timeout_keep_alive=3600,  # an idle client must not meet a closing connection
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._up = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> Self:
        """Begin to serve; returns when requests are answered."""
        self._socket.listen(BACKLOG)  # connections wait in the kernel until the loop runs
        self._thread.start()
        if not self._up.wait(STARTED_WITHIN_S):
            raise TimeoutError(f"no server at {self.url} after {STARTED_WITHIN_S} s")
        return self

    def stop(self) -> None:
        """End all requests and close the port; may be called more than once."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._up.set()
        await self._server.serve(sockets=[self._socket])

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
