"""Many small files made durable with one another: two syncs of a disk, not three for each file."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from geesync.adapters.mirror_files.disk import disk_errors
from geesync.adapters.mirror_files.folders import Folders
from geesync.adapters.mirror_files.landing import name_unproved
from geesync.errors import GeesyncError, RemoteError

#: From this many files of one pass on it is worth a sync of all that the disk has in memory.
WORTH_IT_FROM = 4

#: Larger files are synced by whoever fetches them, while others still come.
SMALL_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Landed:
    """A file that is whole and durable, under the name that its writer gave it."""

    path: str  #: the asset's folder, relative to the mirror
    name: str  #: of the file now
    file: str  #: its final name
    token: str


def settle(folders: Folders, landed: Sequence[Landed]) -> list[Exception | None]:
    """Give files the names that say that they are unproved, durably; return what failed, for each.

    The names of all folders on the way to them are durable then, too.
    """
    if len(landed) < WORTH_IT_FROM:
        return [_settle_alone(folders, one) for one in landed]
    try:
        with GroupSync(folders) as together:
            failures = [_named(folders, one) for one in landed]
            together.sync()
    except (GeesyncError, OSError) as error:
        return [error] * len(landed)
    return failures


def _settle_alone(folders: Folders, one: Landed) -> Exception | None:
    if error := _named(folders, one):
        return error
    try:
        folders.sync_way(one.path)
    except (GeesyncError, OSError) as failure:
        return failure
    return None


def _named(folders: Folders, one: Landed) -> Exception | None:
    try:
        with folders.folder(one.path, create=False) as place:
            name_unproved(place, one.name, one.file, one.token)
    except (GeesyncError, OSError) as error:
        return error
    return None


class GroupSync:
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

    def sync_files(self, files: Sequence[tuple[str, str]]) -> RemoteError | None:
        """Make files durable, by folder and name; return what failed, the disk.

        They are removed then: the kernel may have dropped what it could not write, of any of them,
        and would call a second sync a success.
        """
        try:
            self.sync()
        except RemoteError as error:
            for path, name in files:
                self._remove(path, name)
            return error
        return None

    def _remove(self, path: str, name: str) -> None:
        with suppress(FileNotFoundError), self._folders.folder(path, create=False) as place:
            place.remove(name)

    def sync(self) -> None:
        """Make all that is on its way to the disk durable. Raises RemoteError DISK."""
        with disk_errors(self._folders.mirror):
            if _libc.syncfs(self._descriptor):
                error = ctypes.get_errno()
                raise OSError(error, os.strerror(error))


_libc = ctypes.CDLL(None, use_errno=True)  # os has no syncfs
