"""The way to a folder of the mirror: one component at a time, without following links.

A symbolic link that somebody planted in the mirror leads nowhere.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from geesync.adapters.mirror_files.disk import Folder, step_into
from geesync.adapters.mirror_files.disk_errors import disk_errors
from geesync.adapters.mirror_files.mirror import MARKER
from geesync.errors import MirrorError

#: Descriptors are few.
_KEPT_AT_MOST = 32


class Folders:
    """Opens folders of one mirror, one component at a time, never through a link.

    Keeps the parents of what it opened, for their next children, and what it saw in folders, until
    it is closed. Any number of threads may use it at a time.
    """

    def __init__(self, mirror: Path) -> None:
        self.mirror = mirror
        self._kept: dict[str, int] = {}  #: descriptors by path
        self._earlier: dict[str, list[str]] = {}  #: what was in folders at first, by path
        self._opening = threading.Lock()

    def close(self) -> None:
        """Close what was kept; it may be used again."""
        self._earlier.clear()
        while self._kept:
            os.close(self._kept.popitem()[1])

    def sync_way(self, relative: str) -> None:
        """Make the names in a folder durable, its own, and those of all above it."""
        with disk_errors(self.mirror), self._opening:
            while relative:
                os.fsync(self._keep(relative, create=False, durable=False))
                relative = relative.rpartition("/")[0]
            os.fsync(self._keep("", create=False, durable=False))

    @contextmanager
    def folder(
        self, relative: str, *, create: bool = True, durable: bool = True
    ) -> Iterator[Folder]:
        """Open a folder of the mirror.

        durable: names of folders that are made are synced; False leaves that to who made them.

        Raises RemoteError DISK for a full or failing disk, FOREIGN if something else is in the
        way, MirrorError if the mirror is not there, FileNotFoundError if the folder is absent and
        not to be made.
        """
        with disk_errors(self.mirror):
            parent, _, name = relative.rpartition("/")
            with self._opening:
                if len(self._kept) > _KEPT_AT_MOST:
                    self.close()
                above = self._keep(parent, create=create, durable=durable)
                descriptor, is_new = step_into(above, name, create=create, durable=durable)
                if is_new:
                    self._earlier[relative] = []
            try:
                yield Folder(descriptor, self.mirror, relative, earlier=self._earlier)
            finally:
                os.close(descriptor)

    def _keep(self, relative: str, *, create: bool, durable: bool) -> int:
        if relative in self._kept:
            return self._kept[relative]
        if not relative:
            descriptor = _open_mirror(self.mirror)
        else:
            parent, _, name = relative.rpartition("/")
            above = self._keep(parent, create=create, durable=durable)
            descriptor, _is_new = step_into(above, name, create=create, durable=durable)
        self._kept[relative] = descriptor
        return descriptor


@contextmanager
def folder(mirror: Path, relative: str, *, create: bool = True) -> Iterator[Folder]:
    """Open one folder of a mirror, as ``Folders`` does."""
    with closing(Folders(mirror)) as folders, folders.folder(relative, create=create) as place:
        yield place


def _open_mirror(mirror: Path) -> int:
    with suppress(FileNotFoundError, NotADirectoryError):
        descriptor = os.open(mirror, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        with suppress(FileNotFoundError):
            os.stat(MARKER, dir_fd=descriptor)
            return descriptor
        os.close(descriptor)
    raise MirrorError(
        f"{mirror} has no {MARKER} folder", hint="is its disk mounted? geesync wrote one there"
    )
