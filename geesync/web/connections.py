"""Who may hold a connection to the page, and how long: silent ones keep nobody else out."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

#: A browser takes six; more may be open for as long as nobody else wants one.
_MOST = 64

#: What a client is given for its first request's head.
_SILENT_S = 20.0


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
                min(silent, key=lambda one: one._since)._end_if_silent()  # noqa: SLF001 # ours

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
