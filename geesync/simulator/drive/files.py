"""The files of a Google Drive: every person has a drive of their own, and names may repeat."""

from __future__ import annotations

import base64
import hashlib
import itertools
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from geesync.simulator.clock import SimClock, rfc3339
from geesync.simulator.profiles import Profile
from geesync.simulator.refusals import RESOURCE_EXHAUSTED, ExportRefused
from geesync.simulator.world.pixels import Json

FOLDER = "application/vnd.google-apps.folder"
ROOT = "root"
HASHES = ("md5", "sha1", "sha256")  #: no CRC32C, unlike Cloud Storage
ID_BYTES = 24  #: 32 characters; a real id has 33
SERVICE_ACCOUNT = ".gserviceaccount.com"
NO_ROOM = "Not enough space in Google Drive."
NO_DRIVE = "Service Accounts do not have storage quota."


@dataclass(frozen=True)
class DriveFile:
    """One file or folder."""

    id: str
    owner: str
    name: str
    kind: str  #: MIME type
    parent: str
    created: datetime
    content: Path | None = None  #: None = a folder
    hashes: tuple[str, ...] = HASHES  #: that the API tells

    @property
    def size_bytes(self) -> int:
        """How much of the owner's room it takes."""
        return self.content.stat().st_size if self.content else 0

    def as_json(self) -> Json:
        """Return all that the API knows of it; hashes are of files only, and none is a CRC32C."""
        stamp = rfc3339(self.created, digits=3)
        told: Json = {
            "kind": "drive#file",
            "id": self.id,
            "name": self.name,
            "mimeType": self.kind,
            "parents": [self.parent],
            "createdTime": stamp,
            "modifiedTime": stamp,
            "ownedByMe": True,
            "trashed": False,
        }
        if self.content is None:
            return told
        content = self.content.read_bytes()
        hashes = {name: hashlib.new(name, content).hexdigest() for name in self.hashes}
        return {
            **told,
            **{f"{name}Checksum": value for name, value in hashes.items()},
            "size": str(len(content)),
            "headRevisionId": f"0B{self.id}",
        }


class Drive:
    """All drives, thread-safe.

    place: returns the folder on disk where contents are kept.
    """

    def __init__(self, profile: Profile, clock: SimClock, place: Callable[[], Path]) -> None:
        self._profile = profile
        self._clock = clock
        self._place = place
        self._lock = threading.Lock()
        self._files: dict[str, DriveFile] = {}
        self._numbers = itertools.count()
        self.hashes: tuple[str, ...] = HASHES  #: of what is written from now on

    def files(self, owner: str) -> list[DriveFile]:
        """Return a person's files and folders, the newest first."""
        with self._lock:
            return [file for file in reversed(self._files.values()) if file.owner == owner]

    def find(self, owner: str, file_id: str) -> DriveFile | None:
        """Return one of a person's files."""
        with self._lock:
            file = self._files.get(file_id)
        return file if file and file.owner == owner else None

    def used_bytes(self, owner: str) -> int:
        """Return how much of a person's room is taken."""
        return sum(file.size_bytes for file in self.files(owner))

    def delete(self, file: DriveFile) -> None:
        """Remove a file for good, past the bin; of a folder all that is in it, too."""
        with self._lock:
            self._files.pop(file.id, None)
            inside = [other for other in self._files.values() if other.parent == file.id]
        if file.content:
            file.content.unlink(missing_ok=True)
        for other in inside:
            self.delete(other)

    def add(self, owner: str, name: str, kind: str, source: Path, folder: str = "") -> DriveFile:
        """Write a file, beside others of its name if there are; folder: a name, not a place.

        Raises ExportRefused if there is no room.
        """
        if owner.endswith(SERVICE_ACCOUNT):
            raise ExportRefused(RESOURCE_EXHAUSTED, NO_DRIVE)
        if self.used_bytes(owner) + source.stat().st_size > self._profile.drive_bytes:
            raise ExportRefused(RESOURCE_EXHAUSTED, NO_ROOM)
        made = self._new(owner, name, kind, folder or ROOT)
        content = self._place() / f"drive-{made.id}"
        shutil.copyfile(source, content)
        return self._keep(replace(made, content=content, hashes=self.hashes))

    def folder_for(self, owner: str, name: str) -> str:
        """Return the id of the folder that a task writes to if it is told this name.

        That is the one used last, at whatever level, or a new one in the root; by the profile
        always a new one, as many have seen since 2025.
        """
        if not name:
            return ROOT
        found = [f for f in self.files(owner) if (f.kind, f.name) == (FOLDER, name)]
        if found and self._profile.drive_folders == "found":
            return found[0].id
        return self._keep(self._new(owner, name, FOLDER, ROOT)).id

    def _new(self, owner: str, name: str, kind: str, parent: str) -> DriveFile:
        digest = hashlib.sha256(f"drive/{next(self._numbers)}".encode()).digest()
        file_id = base64.urlsafe_b64encode(digest[:ID_BYTES]).decode()
        return DriveFile(file_id, owner, name, kind, parent, self._clock.now())

    def _keep(self, file: DriveFile) -> DriveFile:
        with self._lock:
            self._files[file.id] = file
            if file.parent in self._files:  # it is now the one that was changed last
                self._files[file.parent] = self._files.pop(file.parent)
        return file
