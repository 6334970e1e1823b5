"""Serves the status page beside the daemon, or alone; whatever happens to it stops nothing else.

Silent connections keep nobody else out.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from geesync.config import Config
from geesync.errors import UserError
from geesync.logger import get_logger
from geesync.web.app import build

log = get_logger()

_LOOPBACK = ("localhost", "127.0.0.1", "::1", "[::1]")

#: Who belongs to the group may ask, e.g. a web server in front.
_SOCKET_MODE = 0o660

_STOP_S = 2.0

#: A browser takes six; more may be open for as long as nobody else wants one.
_MOST = 64

#: What a client is given for its first request's head.
_SILENT_S = 20.0


def server(config: Config) -> tuple[uvicorn.Server, socket.socket]:
    """Return a server and the socket that it listens on.

    Raises UserError if the address cannot be had.
    """
    listening = _listen(config.web.listen)
    hosts = ["*"] if config.web.socket else [*_LOOPBACK, *config.web.hosts]
    app = build(config.ledger, hosts=hosts)
    settings = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        ws="none",  # else what speaks it is loaded
        server_header=False,
        lifespan="off",
        http=PatientProtocol,
        timeout_graceful_shutdown=1,
    )
    return uvicorn.Server(settings), listening


def _listen(address: str) -> socket.socket:
    try:
        if address.startswith("unix:"):
            return _unix(Path(address.removeprefix("unix:")))
        host, _, port = address.rpartition(":")
        host = host.strip("[]")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, int(port)), family=family)
    except (OSError, OverflowError) as error:
        number = error.errno if isinstance(error, OSError) else None
        why = os.strerror(number) if number and number > 0 else error  # Python's own text is long
        raise UserError(
            f"cannot listen on {address}: {why}", hint="set web.listen, or stop who has it"
        ) from error


def _unix(path: Path) -> socket.socket:
    with suppress(FileNotFoundError):
        if path.is_socket():
            path.unlink()  # a socket outlives its process
    listening = socket.socket(socket.AF_UNIX)
    try:
        listening.bind(str(path))
    except OSError:
        listening.close()
        raise
    path.chmod(_SOCKET_MODE)
    listening.listen()
    return listening


def url(listening: socket.socket) -> str:
    """Return where the page is."""
    if listening.family == socket.AF_UNIX:
        return f"unix:{os.fsdecode(listening.getsockname())}"
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


@contextmanager
def beside(config: Config) -> Iterator[None]:
    """Serve the page from a thread; if that does not work, the log says so and work goes on."""
    if not config.web.listen:
        yield
        return
    try:
        page, listening = server(config)
    except UserError as error:
        log.warning("page_not_served", error=str(error))
        yield
        return
    thread = threading.Thread(target=page.run, args=([listening],), name="geesync-web", daemon=True)
    thread.start()
    log.info("page_served", url=url(listening))
    try:
        yield
    finally:
        page.should_exit = True
        thread.join(_STOP_S)


class PatientProtocol(H11Protocol):
    """Ends connections on which nothing is asked: soon, and at once when others come.

    h11 and not httptools, whichever is installed: it refuses a request with two Hosts.
    """

    def connection_made(  # type: ignore[override] # as in the base class
        self, transport: asyncio.Transport
    ) -> None:
        """Take a connection; the longest silent one goes if there are too many."""
        super().connection_made(transport)
        self._since = self.loop.time()
        self._silence = self.loop.call_later(_SILENT_S, self._end_if_silent)
        if len(self.connections) > _MOST:
            others = [
                connection
                for connection in self.connections
                if isinstance(connection, PatientProtocol)
            ]
            silent = [other for other in others if other is not self and other.is_silent]
            if silent:
                min(silent, key=lambda other: other._since)._end_if_silent()  # noqa: SLF001 # ours

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection."""
        self._silence.cancel()
        super().connection_lost(exc)

    @property
    def is_silent(self) -> bool:
        """Whether no answer is on its way."""
        return self.conn.our_state is h11.IDLE

    def _end_if_silent(self) -> None:
        if self.is_silent:
            self.connections.discard(self)
            self.transport.close()
