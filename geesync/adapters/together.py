"""Many small files made durable with one another: two syncs of a disk, not three for each file."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from geesync.adapters.disk import disk_errors
from geesync.adapters.folders import Folders
from geesync.adapters.landing import make_durable, settle
from geesync.errors import GeesyncError, RemoteError

#: From this many files of one pass on it is worth a sync of all that the disk has in memory.
WORTH_IT_FROM = 4

#: Larger files are synced by whoever fetches them, while others still come.
SMALL_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Landed:
    """A file that is whole, under the name that its writer gave it, and perhaps in memory only."""

    path: str  #: the asset's folder, relative to the mirror
    name: str  #: of the file now
    file: str  #: its final name
    token: str


def settle_alone(folders: Folders, one: Landed, *, durable: bool) -> None:
    """Make one file durable, unless it is, then its name that says that it is unproved.

    The names of all folders on the way to it, too. Raises RemoteError or MirrorError.
    """
    with folders.folder(one.path, create=False) as place:
        if not durable:
            make_durable(place, one.name)
        settle(place, one.name, one.file, one.token)
    folders.sync_way(one.path)


class Together:
    """One mirror's disk, from before the first byte is written: it tells what failed since."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders

    def __enter__(self) -> Self:
        mirror = self._folders.mirror
        with disk_errors(mirror):
            self._descriptor = os.open(mirror, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def settle(self, landed: Sequence[Landed]) -> list[Exception | None]:
        """Make files durable, then their names that say that they are unproved.

        Returns what failed, for each file: its name, or the disk, RemoteError DISK. The files of a
        disk that failed are removed: the kernel may have dropped what it could not write, of any
        of them, and would call a second sync a success.
        """
        try:
            self.sync()
        except RemoteError as error:
            for one in landed:
                self._remove(one)
            return [error] * len(landed)
        failures = [self._named(one) for one in landed]
        try:
            self.sync()
        except RemoteError as error:
            return [error] * len(landed)
        return failures

    def _named(self, one: Landed) -> Exception | None:
        try:
            with self._folders.folder(one.path, create=False) as place:
                settle(place, one.name, one.file, one.token)
        except (GeesyncError, OSError) as error:
            return error
        return None

    def _remove(self, one: Landed) -> None:
        with suppress(FileNotFoundError), self._folders.folder(one.path, create=False) as place:
            place.remove(one.name)

    def sync(self) -> None:
        """Make all that is on its way to the disk durable. Raises RemoteError DISK."""
        with disk_errors(self._folders.mirror):
            if _libc.syncfs(self._descriptor):
                error = ctypes.get_errno()
                raise OSError(error, os.strerror(error))


_libc = ctypes.CDLL(None, use_errno=True)  # os has no syncfs
