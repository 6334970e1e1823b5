"""Networks between us and the service: one that opens TLS, and one with a proxy."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import closing, suppress
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any, Self
from urllib.parse import urlsplit

import trustme

from geesync.simulator.simulator import Simulator
from geesync.simulator.wire.running import Running


class _Server(ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that hang up, as those do who trust us not."""


class _Front(Running):
    """A server on loopback that passes on what it is sent."""

    def __init__(self) -> None:
        this = self

        class Handler(BaseRequestHandler):
            def handle(self) -> None:
                with suppress(OSError):
                    this.serve(self.request)

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.port: int = self._server.server_address[1]

    def serve(self, client: Any) -> None:
        """Serve one connection to its end."""
        raise NotImplementedError

    def start(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class TlsFront(_Front):
    """Stands before a service with a certificate of a company's own authority."""

    def __init__(self, upstream: str, authority: trustme.CA) -> None:
        super().__init__()
        self._upstream = urlsplit(upstream).netloc
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(self._tls)
        self.url = f"https://127.0.0.1:{self.port}"

    def serve(self, client: Any) -> None:
        with self._tls.wrap_socket(client, server_side=True) as opened:
            _pass_on(opened, self._upstream)


class Proxy(_Front):
    """A proxy that tunnels, and passes plain requests on; it remembers which hosts were asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.url = f"http://127.0.0.1:{self.port}"

    def serve(self, client: Any) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(65536)
        method, target, rest = head.split(b" ", 2)
        if method == b"CONNECT":
            self.asked.append(target.decode())
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            _pass_on(client, target.decode())
            return
        asked = urlsplit(target.decode())
        self.asked.append(asked.netloc)
        path = target.removeprefix(f"{asked.scheme}://{asked.netloc}".encode())
        # One request a connection: the next may be for another host.
        rest = rest.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
        _pass_on(client, asked.netloc, b" ".join((method, path, rest)))


def _pass_on(client: Any, netloc: str, first: bytes = b"") -> None:
    host, _, port = netloc.rpartition(":")
    with closing(socket.create_connection((host, int(port)))) as server:
        server.sendall(first)
        back = threading.Thread(target=_copy, args=(server, client), daemon=True)
        back.start()
        _copy(client, server)
        back.join()


def _copy(source: Any, target: Any) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


class Behind:
    """A simulator as it is seen through other addresses."""

    def __init__(self, simulator: Simulator, earth_engine_url: str, storage_url: str) -> None:
        self._simulator = simulator
        self.earth_engine_url = earth_engine_url
        self.storage_url = storage_url

    def __getattr__(self, name: str) -> Any:
        return getattr(self._simulator, name)


def write_authority(authority: trustme.CA, folder: Path) -> Path:
    """Write an authority's certificate as a company hands it out."""
    path = folder / "company.pem"
    authority.cert_pem.write_to_path(str(path))
    return path
