"""Where exports are left until they are at home: buckets, and a person's Drive.

What reads them cannot be sent to a worker. What is sent is where they are; the worker opens them
with its own credentials, and hears from the daemon how fast and whether to go on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from geesync.adapters.executors.executor import orders_of
from geesync.adapters.google.credentials import find_credentials
from geesync.adapters.google.pacing import Pacer
from geesync.adapters.storage.bucket import Storage
from geesync.adapters.storage.drive import Drive
from geesync.adapters.transfer.answers import Sink
from geesync.adapters.transfer.bandwidth import Bandwidth, Metered
from geesync.domain.mirror.coverage import StoredObject
from geesync.domain.tasks.lifecycle import DRIVE

#: Of one process; Cloud Storage allows thousands. It only keeps a mistake from becoming an attack.
REQUESTS_PER_S = 5000.0
#: Of a person's 325,000 units a minute, of which a call takes up to 100.
#: https://developers.google.com/workspace/drive/api/guides/limits
DRIVE_REQUESTS_PER_S = 40.0


@dataclass(frozen=True)
class Stores:
    """Both kinds of places, as one user; each lists, finds, fetches and deletes in the same way."""

    storage: Storage
    drive: Drive

    def at(self, place: str) -> Storage | Drive:
        """Return who keeps what is in a place: a bucket, or ``drive:FOLDER``."""
        return self.drive if place.startswith(DRIVE) else self.storage


@dataclass(frozen=True)
class Access:
    """Where the stores are; no secret is among it."""

    daemon: str  #: whose orders hold: drawn anew by each start of a daemon
    project: str
    earth_engine_url: str | None  #: of the service that says whether credentials are needed
    url: str | None  #: of another service than Google's
    timeout_s: float
    drive_url: str | None = None  #: likewise
    key_file: Path | None = None  #: for who works beside the daemon; others have their own


def open_stores(
    access: Access, credentials: Any, *, storage: Pacer | None = None, drive: Pacer | None = None
) -> Stores:
    """Return the stores of a user; nothing is asked of them yet. storage, drive: their pacers."""
    return Stores(
        Storage(
            project=access.project,
            credentials=credentials,
            pacer=storage or Pacer(REQUESTS_PER_S),
            url=access.url,
            timeout_s=access.timeout_s,
        ),
        Drive(
            credentials=credentials,
            pacer=drive or Pacer(DRIVE_REQUESTS_PER_S),
            url=access.drive_url,
            timeout_s=access.timeout_s,
        ),
    )


@dataclass(frozen=True)
class ObjectSource:
    """Where objects are fetched from, as fast as may be, as long as that is wanted."""

    access: Access
    stores: Callable[[], Stores]
    bandwidth: Bandwidth
    keep_on: Callable[[], bool]

    async def fetch(self, bucket: str, obj: StoredObject, sink: Sink, start: int) -> None:
        """Write one generation's bytes from an offset on into the sink; raises RemoteError.

        NotAllowedError if a worker has no credentials.
        """
        metered = Metered(sink, self.bandwidth, self.keep_on)
        store = self.stores().at(bucket)
        await store.fetch(bucket, obj, metered, start=start, piece_bytes=self.bandwidth.piece_bytes)

    def __reduce__(self) -> tuple[Any, ...]:
        return of_worker, (self.access,)


@lru_cache(maxsize=4)
def of_worker(access: Access) -> ObjectSource:
    """Return the source of a worker: one for all its jobs, which share the bandwidth."""

    @cache
    def stores() -> Stores:
        credentials = find_credentials(
            access.key_file, url=access.earth_engine_url, project=access.project
        )
        return open_stores(access, credentials)

    return ObjectSource(
        access,
        stores,
        Bandwidth(lambda: orders_of(access.daemon).rate),
        keep_on=lambda: not orders_of(access.daemon).stop,
    )
