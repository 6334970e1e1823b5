"""The connection by which exports become objects."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

from geesync.simulator.wire.upstream import AnswerParser, request_head

ONE_PIECE_BYTES = 2**16  #: a file of at most this size goes with the head of its request
TIMEOUT_S = 600.0  #: of a single read or write


class Uploads:
    """Requests to a server on loopback that carry files; thread-safe, one after the other.

    Every export ends in one, of which any general client would be most of the cost.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._lock = threading.Lock()
        self._connection: socket.socket | None = None

    def post(self, target: str, content_type: str, file: Path) -> tuple[int, bytes]:
        """Send a file and return the answer's status and body; raises OSError if there is none."""
        with self._lock:
            try:
                answer = self._exchange(target, content_type, file)
            except BaseException:
                self._close()  # half an exchange is in it: the next one needs another
                raise
            if not answer.keeps_alive:
                self._close()
            return answer.status, b"".join(answer.take())

    def close(self) -> None:
        """Give back the connection; may be called more than once."""
        with self._lock:
            self._close()

    def _exchange(self, target: str, content_type: str, file: Path) -> AnswerParser:
        if self._connection is None:
            address = "127.0.0.1", self._port
            self._connection = socket.create_connection(address, timeout=TIMEOUT_S)
        with file.open("rb", buffering=0) as content:
            size_bytes = os.fstat(content.fileno()).st_size
            headers = {
                "host": "127.0.0.1",
                "content-type": content_type,
                "content-length": str(size_bytes),
            }
            raw = [(name.encode(), value.encode()) for name, value in headers.items()]
            start = content.read(ONE_PIECE_BYTES)
            self._connection.sendall(request_head("POST", target, raw) + start)
            if len(start) < size_bytes:
                self._connection.sendfile(content, len(start))
        parser = AnswerParser()
        while not parser.ended:
            parser.feed(self._connection.recv(ONE_PIECE_BYTES))
        return parser

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
