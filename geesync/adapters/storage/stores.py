"""Where exports are left until they are at home: buckets, and a person's Drive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from geesync.adapters.google.pacing import Pacer
from geesync.adapters.storage.bucket import Storage
from geesync.adapters.storage.drive import Drive
from geesync.domain.tasks.task import DRIVE

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


def open_stores(
    credentials: Any,
    *,
    project: str,
    url: str | None,
    drive_url: str | None,
    timeout_s: float,
    pacers: tuple[Pacer, Pacer] | None = None,
) -> Stores:
    """Return the places of a user; nothing is asked of them yet.

    url, drive_url: other services than Google's. pacers: of buckets, and of Drive.
    """
    pacer, drive_pacer = pacers or (Pacer(REQUESTS_PER_S), Pacer(DRIVE_REQUESTS_PER_S))
    storage = Storage(
        project=project, credentials=credentials, pacer=pacer, url=url, timeout_s=timeout_s
    )
    drive = Drive(credentials=credentials, pacer=drive_pacer, url=drive_url, timeout_s=timeout_s)
    return Stores(storage, drive)
