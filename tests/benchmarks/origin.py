"""A Cloud Storage on loopback whose bytes come from nginx: the same for everyone."""

from __future__ import annotations

import base64
import getpass
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import google_crc32c

from tests.benchmarks.measure import children_of

#: Which writing of each object: one, since each is written once.
GENERATION = 1_700_000_000_000_000

_BLOCK_BYTES = 1024 * 1024

_CONFIGURATION = """
user {user};
daemon off;
worker_processes {workers};
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 10000000;
    default_type application/octet-stream;
    etag off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    map_hash_max_size 65536;
    map_hash_bucket_size 256;
    map $bucket/$object $crc32c {{ include {folder}/crc32c.map; }}
    map $bucket/$object $md5 {{ include {folder}/md5.map; }}
    upstream api {{ server 127.0.0.1:{api_port}; keepalive 16; }}
    server {{
        listen 127.0.0.1:{port};
        location ~ ^/(download|media)/storage/v1/b/(?<bucket>[^/]+)/o/(?<object>.+)$ {{
            if ($arg_generation !~ ^({generation})?$) {{ return 404; }}
            alias {folder}/objects/$bucket/$object;
            add_header x-goog-generation {generation};
            add_header x-goog-metageneration 1;
            add_header x-goog-hash crc32c=$crc32c;
            add_header x-goog-hash md5=$md5;
            add_header x-goog-storage-class STANDARD;
            add_header x-goog-stored-content-encoding identity;
        }}
        location /storage/v1/ {{
            if ($arg_alt = media) {{ rewrite ^(.*)$ /media$1 last; }}
            proxy_pass http://api;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
}}
"""


@dataclass(frozen=True)
class Blob:
    """One object of the origin."""

    name: str
    size_bytes: int
    crc32c: int
    generation: int = GENERATION


@dataclass
class Origin:
    """A running origin, or one that is being filled.

    folder: where its objects lie; on a tmpfs, so that reading them costs no disk.
    """

    folder: Path
    port: int
    api_port: int  #: of what answers all but the bytes, behind it
    buckets: dict[str, list[Blob]] = field(default_factory=dict)
    _index: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    _running: list[int] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The address that all clients are given."""
        return f"http://127.0.0.1:{self.port}"

    def media_url(self, bucket: str, blob: Blob) -> str:
        """Return where an object's bytes are."""
        quoted = blob.name.replace("/", "%2F")
        path = f"download/storage/v1/b/{bucket}/o/{quoted}"
        return f"{self.url}/{path}?alt=media&generation={GENERATION}"

    def fill(self, bucket: str, count: int, size_bytes: int) -> None:
        """Put objects of random bytes, all different, into a new bucket."""
        for number in range(count):
            name = f"geesync/{number:016d}/img{number:05d}.tif"
            self._put(bucket, name, size_bytes)

    def _put(self, bucket: str, name: str, size_bytes: int) -> None:
        path = self.folder / "objects" / bucket / name
        path.parent.mkdir(parents=True)
        block, crc32c, md5 = os.urandom(_BLOCK_BYTES), 0, hashlib.md5(usedforsecurity=False)
        with path.open("wb") as file:
            left = size_bytes
            while left:
                piece = block[: min(left, _BLOCK_BYTES)]
                file.write(piece)
                crc32c = google_crc32c.extend(crc32c, piece)
                md5.update(piece)
                left -= len(piece)
        blob = Blob(name, size_bytes, crc32c)
        self.buckets.setdefault(bucket, []).append(blob)
        hashes = {
            "crc32c": base64.b64encode(crc32c.to_bytes(4, "big")).decode(),
            "md5": base64.b64encode(md5.digest()).decode(),
        }
        self._index.setdefault(bucket, []).append(self._resource(bucket, blob, hashes))
        for kind, value in hashes.items():
            with (self.folder / f"{kind}.map").open("a") as file:
                file.write(f'"{bucket}/{name}" "{value}";\n')

    def _resource(self, bucket: str, blob: Blob, hashes: dict[str, str]) -> dict[str, Any]:
        now = "2026-01-01T00:00:00.000Z"
        return {
            "kind": "storage#object",
            "id": f"{bucket}/{blob.name}/{GENERATION}",
            "selfLink": f"{self.url}/storage/v1/b/{bucket}/o/{blob.name.replace('/', '%2F')}",
            "mediaLink": self.media_url(bucket, blob),
            "name": blob.name,
            "bucket": bucket,
            "generation": str(GENERATION),
            "metageneration": "1",
            "contentType": "application/octet-stream",
            "storageClass": "STANDARD",
            "size": str(blob.size_bytes),
            "md5Hash": hashes["md5"],
            "crc32c": hashes["crc32c"],
            "etag": "CAE=",
            "timeCreated": now,
            "updated": now,
        }

    @contextmanager
    def serving(self) -> Iterator[Origin]:
        """Serve what was filled in, as two processes."""
        index = self.folder / "index.json"
        index.write_text(json.dumps(self._index))
        configuration = self.folder / "nginx.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                user=getpass.getuser(),
                folder=self.folder,
                workers=os.cpu_count(),
                port=self.port,
                api_port=self.api_port,
                generation=GENERATION,
            )
        )
        api = [sys.executable, "-m", "tests.benchmarks.origin_api", str(index), str(self.api_port)]
        nginx = ["nginx", "-p", str(self.folder), "-c", str(configuration)]
        with _running(api) as one, _running(nginx) as other:
            for port in (self.port, self.api_port):
                _wait_for(port)
            self._running = [one, other]
            yield self

    def servers(self) -> list[int]:
        """Return the ids of all processes that serve."""
        return [pid for parent in self._running for pid in children_of(parent)]


@contextmanager
def origin(folder: Path) -> Iterator[Origin]:
    """Make an empty origin; its objects are removed at the end."""
    (folder / "objects").mkdir(parents=True)
    try:
        with closing(_kept_port()) as front, closing(_kept_port()) as behind:
            yield Origin(folder, front.getsockname()[1], behind.getsockname()[1])
    finally:
        shutil.rmtree(folder)


@contextmanager
def _running(argv: list[str]) -> Iterator[int]:
    process = subprocess.Popen(argv)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int, within_s: float = 20.0) -> None:
    end = time.monotonic() + within_s
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return


def _kept_port() -> socket.socket:
    """Return a socket that keeps a port for a server, as the simulator's ``reserve_port`` does.

    That one would bring all of the simulator into this process, whose memory must stay small: what
    is below it cannot be seen of those that are measured.
    """
    reserved = socket.socket()
    reserved.bind(("127.0.0.1", 0))
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return reserved
