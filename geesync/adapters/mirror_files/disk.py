"""The mirror's file system: files that land whole, durable, and only inside the mirror.

The order is write, fsync, rename, fsync of the folder; only then may the ledger say so.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from bisect import bisect_left, bisect_right
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import google_crc32c

from geesync.domain.json import Json
from geesync.domain.mirror.checking import KeptFile
from geesync.domain.mirror.coverage import StoredObject
from geesync.domain.mirror.layout import PARTIAL
from geesync.errors import Cause, RemoteError

#: Less than what the system is asked for and given back each time: see ``host.memory``.
_CHUNK_BYTES = 256 * 1024
_FILE_MODE = 0o644
_FOLDER_MODE = 0o755

#: What a file system says that has no second names for a file.
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.EXDEV})


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte; the system may take fewer at a time."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


class Folder:
    """An open folder inside the mirror. Names are single components, never paths."""

    def __init__(
        self,
        descriptor: int,
        parent: Path,
        relative: str,
        *,
        earlier: dict[str, list[str]] | None = None,
    ) -> None:
        self._descriptor = descriptor
        self._parent, self._relative = parent, relative
        #: By folder: the names that were in it when it was first looked at, sorted.
        self._earlier = {} if earlier is None else earlier
        self.written: list[KeptFile] = []  #: by whatever method, while it was open
        self.drafts: list[KeptFile] = []  #: those that are yet to be published
        self.syncs_drafts = True  #: each by itself; else who publishes them has synced them before
        self.known: Container[KeptFile] | None = None  #: ours; None claims every name

    @property
    def path(self) -> Path:
        """Where it is; to be told, or to be given to who takes no descriptors."""
        return self._parent / self._relative

    def size_of(self, name: str) -> int | None:
        """Return a regular file's size in bytes, or None if there is none of that name."""
        try:
            status = os.stat(name, dir_fd=self._descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None
        return status.st_size

    def names(self) -> list[str]:
        """Return what is in the folder."""
        return os.listdir(self._descriptor)  # noqa: PTH208 # by descriptor: no path can be swapped

    @property
    def is_new(self) -> bool:
        """Whether nothing is in it but what was put there since it was first opened."""
        return self._earlier.get(self._relative) == []

    def earlier(self, beginning: str) -> list[str]:
        """Return the names that began so when the folder was first looked at.

        It is listed once, however many files come into it one by one and ask.
        """
        if self._relative not in self._earlier:
            self._earlier[self._relative] = sorted(self.names())
        names = self._earlier[self._relative]
        end = bisect_right(names, beginning, key=lambda name: name[: len(beginning)])
        return names[bisect_left(names, beginning) : end]

    @contextmanager
    def opened(self, name: str, flags: int) -> Iterator[int]:
        """Open a file as a descriptor; never through a link."""
        flags |= os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(name, flags, _FILE_MODE, dir_fd=self._descriptor)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def chunks(self, name: str) -> Iterator[bytes]:
        """Yield a file's bytes in order, some at a time."""
        with self.opened(name, os.O_RDONLY) as descriptor:
            while chunk := os.read(descriptor, _CHUNK_BYTES):
                yield chunk

    def checksum(self, name: str) -> int:
        """Return the CRC32C of a file's bytes."""
        crc32c = 0
        for chunk in self.chunks(name):
            crc32c = google_crc32c.extend(crc32c, chunk)
        return crc32c

    def digests(self, name: str) -> tuple[int, str]:
        """Return the CRC32C and the hexadecimal SHA-256 of a file's bytes, read once."""
        crc32c, sha256 = 0, hashlib.sha256()
        for chunk in self.chunks(name):
            crc32c = google_crc32c.extend(crc32c, chunk)
            sha256.update(chunk)
        return crc32c, sha256.hexdigest()

    def md5(self, name: str) -> str:
        """Return the hexadecimal MD5 of a file's bytes: against accidents, not against people."""
        md5 = hashlib.md5(usedforsecurity=False)
        for chunk in self.chunks(name):
            md5.update(chunk)
        return md5.hexdigest()

    def read(self, name: str) -> bytes:
        """Return a small file whole."""
        return b"".join(self.chunks(name))

    def document(self, name: str) -> Json | None:
        """Return a small file's JSON; None if there is none of that name, or it is no document."""
        try:
            document = json.loads(self.read(name))
        except (FileNotFoundError, ValueError):
            return None
        return document if isinstance(document, dict) else None

    def holds(self, name: str, obj: StoredObject) -> bool:
        """Whether a file has exactly the object's bytes, as far as anything tells these."""
        if self.size_of(name) != obj.size_bytes or not obj.checksum:
            return False
        if obj.sha256:
            return self.digests(name)[1] == obj.sha256
        return self.md5(name) == obj.md5 if obj.md5 else self.checksum(name) == obj.crc32c

    def write(
        self, name: str, content: bytes, *, read_only: bool = False, durable: bool = True
    ) -> None:
        """Write a small file whole; the old one stays until the new one is on the disk.

        durable: False leaves that to who asks, for a file that is not believed by its name alone.
        """
        self._draft(name, content, durable=durable)
        self.rename(name + PARTIAL, name)
        if read_only:  # after it has its name: what a crash leaves must be writable again
            with self.opened(name, os.O_RDONLY) as descriptor:
                os.fchmod(descriptor, os.fstat(descriptor).st_mode & 0o444)

    def draft(self, name: str, content: bytes) -> None:
        """Write a small file whole, under another name until it is published."""
        self.drafts.append(self._draft(name, content, durable=self.syncs_drafts))

    def publish(self, drafts: Iterable[KeptFile]) -> None:
        """Give drafts, which are on the disk, their names."""
        for draft in drafts:
            self.claim(draft)
            self.rename(draft.name + PARTIAL, draft.name)

    def _draft(self, name: str, content: bytes, *, durable: bool) -> KeptFile:
        file = KeptFile(name, len(content), google_crc32c.value(content))
        self.claim(file)
        with self.opened(name + PARTIAL, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) as descriptor:
            write_all(descriptor, content)
            if durable:
                os.fsync(descriptor)
        self.written.append(file)
        return file

    def keep(self, name: str) -> KeptFile:
        """Take a file that is there for one that was written just so; return what it is."""
        file = self.look(name)
        self.written.append(file)
        return file

    def look(self, name: str) -> KeptFile:
        """Return what a file is now."""
        return KeptFile(name, self.size_of(name) or 0, self.checksum(name))

    def claim(self, new: KeptFile) -> None:
        """Raise RemoteError FOREIGN if a file has this name that is neither ours nor the new one.

        The right thing when nobody knows whose a file is: it is never overwritten.
        """
        if self.known is None or self.size_of(new.name) is None:
            return
        there = self.look(new.name)
        if there != new and there not in self.known:
            raise RemoteError(
                Cause.FOREIGN, f"{self.path / new.name} is in the way, and not geesync's"
            )

    def rename(self, old: str, new: str) -> None:
        """Rename a file within the folder, over an older one."""
        os.rename(old, new, src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._descriptor)

    def modified_ns(self, name: str) -> int:
        """Return when a file or folder was last changed, in nanoseconds since 1970."""
        return os.stat(name, dir_fd=self._descriptor, follow_symlinks=False).st_mtime_ns

    def move(self, name: str, other: Folder) -> None:
        """Move a file into another folder, if it is there."""
        with suppress(FileNotFoundError):
            os.rename(name, name, src_dir_fd=self._descriptor, dst_dir_fd=other._descriptor)

    def link(self, name: str, other: Folder) -> None:
        """Give a file a second name in another folder; a copy where there are no such links."""
        other.remove(name)
        try:
            os.link(name, name, src_dir_fd=self._descriptor, dst_dir_fd=other._descriptor)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            self.copy(name, other)

    def copy(self, name: str, other: Folder) -> None:
        """Write a file's bytes into another folder, over one of that name, durably."""
        partial = name + PARTIAL
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with self.opened(name, os.O_RDONLY) as source, other.opened(partial, flags) as sink:
            while chunk := os.read(source, _CHUNK_BYTES):
                write_all(sink, chunk)
            os.fsync(sink)
        other.rename(partial, name)

    def remove_folder(self, name: str) -> None:
        """Remove a folder, unless something is in it."""
        try:
            os.rmdir(name, dir_fd=self._descriptor)
        except OSError as error:
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                raise

    @contextmanager
    def inner(self, name: str) -> Iterator[Folder]:
        """Open a folder in this one; it is made if it is absent."""
        descriptor, _is_new = step_into(self._descriptor, name, create=True)
        try:
            yield Folder(descriptor, self.path, name)
        finally:
            os.close(descriptor)

    def sync(self) -> None:
        """Make the folder's names durable."""
        os.fsync(self._descriptor)


def step_into(
    descriptor: int, component: str, *, create: bool, durable: bool = True
) -> tuple[int, bool]:
    """Open a folder in an open one; return it, and whether it was made for that."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(component, flags, dir_fd=descriptor), False
    except FileNotFoundError:
        if not create:
            raise
    is_new = False
    with suppress(FileExistsError):
        os.mkdir(component, _FOLDER_MODE, dir_fd=descriptor)
        is_new = True
        if durable:
            os.fsync(descriptor)
    return os.open(component, flags, dir_fd=descriptor), is_new
