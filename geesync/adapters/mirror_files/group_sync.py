"""Many small files made durable with one another: two syncs of a disk, not three for each file."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Self, TypeVar

from geesync.adapters.mirror_files.disk_errors import disk_errors
from geesync.adapters.mirror_files.folders import Folders
from geesync.adapters.mirror_files.landing import name_unproved
from geesync.errors import GeesyncError, RemoteError

#: From this many files of one pass on it is worth a sync of all that the disk has in memory.
WORTH_IT_FROM = 4

#: Answers about small files wait for one another: so many, or until the first has so long.
_GROUP = 64
_LATE_S = 5.0

Answer = TypeVar("Answer")


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
                with suppress(FileNotFoundError), self._folders.folder(path, create=False) as place:
                    place.remove(name)
            return error
        return None

    def sync(self) -> None:
        """Make all that is on its way to the disk durable. Raises RemoteError DISK."""
        with disk_errors(self._folders.mirror):
            if _libc.syncfs(self._descriptor):
                error = ctypes.get_errno()
                raise OSError(error, os.strerror(error))


class Waiting(Generic[Answer]):
    """Answers that are held back until the files that they tell of are durable, with one another.

    disk: None if there are none such.
    """

    def __init__(self, disk: GroupSync | None) -> None:
        self._disk = disk
        self._ready: list[tuple[int, Answer | RemoteError]] = []
        self._held: list[tuple[int, Answer, list[tuple[str, str]]]] = []
        self._since = 0.0

    def add(self, number: int, answer: Answer, path: str, names: Sequence[str]) -> None:
        """Take an answer, and the names of its files in a folder; without any it waits for none."""
        if not names:
            self._ready.append((number, answer))
            return
        self._since = self._since if self._held else time.monotonic()
        self._held.append((number, answer, [(path, name) for name in names]))

    def durable(self, *, rest: bool = False) -> list[tuple[int, Answer | RemoteError]]:
        """Return answers that wait for nothing any more, or the disk's error in their place.

        rest: nothing more comes for which others could wait.
        """
        is_late = time.monotonic() > self._since + _LATE_S
        if self._disk and self._held and (rest or is_late or len(self._held) >= _GROUP):
            held, self._held = self._held, []
            error = self._disk.sync_files([file for *_, files in held for file in files])
            self._ready += [(number, error or answer) for number, answer, _ in held]
        ready, self._ready = self._ready, []
        return ready


_libc = ctypes.CDLL(None, use_errno=True)  # os has no syncfs
