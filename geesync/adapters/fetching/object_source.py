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
from geesync.adapters.google.credentials import find_credentials
from geesync.adapters.storage.stores import Stores, open_stores
from geesync.adapters.transfer.answers import Sink
from geesync.adapters.transfer.bandwidth import Bandwidth, Metered
from geesync.domain.mirror.coverage import StoredObject


@dataclass(frozen=True)
class Access:
    """Where a line leads; no secret is among it."""

    daemon: str  #: whose orders hold: drawn anew by each start of a daemon
    project: str
    earth_engine_url: str | None  #: of the service that says whether credentials are needed
    url: str | None
    timeout_s: float
    drive_url: str | None = None
    key_file: Path | None = None  #: for who works beside the daemon; others have their own


@dataclass(frozen=True)
class MeteredSource:
    """A line of this process."""

    access: Access
    stores: Stores
    bandwidth: Bandwidth
    keep_on: Callable[[], bool]

    async def fetch(self, bucket: str, obj: StoredObject, sink: Sink, start: int) -> None:
        """Write one generation's bytes from an offset on into the sink; raises RemoteError."""
        metered = Metered(sink, self.bandwidth, self.keep_on)
        await self.stores.at(bucket).fetch(
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
        await (
            _stores(self.access)
            .at(bucket)
            .fetch(bucket, obj, metered, start=start, piece_bytes=bandwidth.piece_bytes)
        )

    def keep_on(self) -> bool:
        """Whether the daemon that sent the job still wants it."""
        return not orders_of(self.access.daemon).stop


@lru_cache(maxsize=4)
def _bandwidth(daemon: str) -> Bandwidth:
    return Bandwidth(lambda: orders_of(daemon).rate)


@lru_cache(maxsize=4)
def _stores(access: Access) -> Stores:
    credentials = find_credentials(
        access.key_file, url=access.earth_engine_url, project=access.project
    )
    return open_stores(
        credentials,
        project=access.project,
        url=access.url,
        drive_url=access.drive_url,
        timeout_s=access.timeout_s,
    )
