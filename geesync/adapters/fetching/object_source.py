"""The way from the bucket to who fetches: as fast as it may be used, and as long.

A line cannot be sent to a worker. What is sent is where it leads; the worker opens one of its own,
with its own credentials, and hears from the daemon how fast and whether to go on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from geesync.adapters.executors.orders import orders_of
from geesync.adapters.google.bucket import Storage
from geesync.adapters.google.credentials import find_credentials
from geesync.adapters.google.pacing import Pacer
from geesync.adapters.transfer.answers import Sink
from geesync.adapters.transfer.bandwidth import Bandwidth, Metered
from geesync.domain.mirror.coverage import StoredObject

#: Of one process; Cloud Storage allows thousands. It only keeps a mistake from becoming an attack.
REQUESTS_PER_S = 5000.0


@dataclass(frozen=True)
class Access:
    """Where a line leads; no secret is among it."""

    daemon: str  #: whose orders hold: drawn anew by each start of a daemon
    project: str
    earth_engine_url: str | None  #: of the service that says whether credentials are needed
    url: str | None
    timeout_s: float
    key_file: Path | None = None  #: for who works beside the daemon; others have their own


@dataclass(frozen=True)
class MeteredSource:
    """A line of this process."""

    access: Access
    storage: Storage
    bandwidth: Bandwidth
    keep_on: Callable[[], bool]

    async def fetch(self, bucket: str, obj: StoredObject, sink: Sink, start: int) -> None:
        """Write one generation's bytes from an offset on into the sink; raises RemoteError."""
        metered = Metered(sink, self.bandwidth, self.keep_on)
        await self.storage.fetch(
            bucket, obj, metered, start=start, piece_bytes=self.bandwidth.piece_bytes
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return WorkerSource, (self.access,)


@dataclass(frozen=True)
class WorkerSource:
    """A line of a worker, for one job."""

    access: Access

    async def fetch(self, bucket: str, obj: StoredObject, sink: Sink, start: int) -> None:
        """Write one generation's bytes from an offset on into the sink; raises RemoteError.

        NotAllowedError if this worker has no credentials.
        """
        bandwidth = _bandwidth(self.access.daemon)
        metered = Metered(sink, bandwidth, self.keep_on)
        await _storage(self.access).fetch(
            bucket, obj, metered, start=start, piece_bytes=bandwidth.piece_bytes
        )

    def keep_on(self) -> bool:
        """Whether the daemon that sent the job still wants it."""
        return not orders_of(self.access.daemon).stop


@lru_cache(maxsize=4)
def _bandwidth(daemon: str) -> Bandwidth:
    return Bandwidth(lambda: orders_of(daemon).rate)


@lru_cache(maxsize=4)
def _storage(access: Access) -> Storage:
    return Storage(
        project=access.project,
        credentials=find_credentials(
            access.key_file, url=access.earth_engine_url, project=access.project
        ),
        pacer=Pacer(REQUESTS_PER_S),
        url=access.url,
        timeout_s=access.timeout_s,
    )
