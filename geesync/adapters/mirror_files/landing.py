"""Objects on their way to disk: resumed where they ended, and checked byte for byte."""

from __future__ import annotations

import os
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Self

import google_crc32c

from geesync.adapters.mirror_files.disk import Folder, write_all
from geesync.domain.failures.shared_failures import stopped
from geesync.domain.mirror.coverage import StoredObject
from geesync.domain.mirror.layout import PARTIAL, UNPROVED, WRITER_LENGTH, WRITER_LETTERS
from geesync.errors import Cause, RemoteError


class Landing:
    """An object's bytes on their way to disk: resumed where they ended, checked as a whole.

    Each writes a file of its own, which nobody else ever opens to write: a writer that was given
    up, and lives on, spoils nothing. As a context it leaves what came to the next one. What is
    whole is yet to be made durable.
    """

    def __init__(self, place: Folder, file: str, token: str, obj: StoredObject) -> None:
        self._place = place
        self._obj = obj
        self._stem = f"{file}.{token}."
        self._resting = f"{file}.{token}{PARTIAL}"  #: what came so far, of which nobody is writer
        self.name = f"{self._stem}{_draw()}{PARTIAL}"  #: complete when it was fetched

    def __enter__(self) -> Self:
        if not self._place.is_new:
            with suppress(FileNotFoundError):
                self._place.rename(self._resting, self.name)
        return self

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        if failure is not None:
            with suppress(FileNotFoundError):
                self._place.rename(self.name, self._resting)

    async def fetch(
        self, fetch: Callable[[Writer, int], Awaitable[None]], keep_on: Callable[[], bool]
    ) -> None:
        """Bring every byte to disk under ``name``; to be given another by ``name_unproved``.

        fetch: writes the object's bytes from an offset on. keep_on: asked between chunks; False
        ends the transfer, what came stays. Raises RemoteError INTEGRITY if the bytes are not the
        object's: they are discarded, and it may be tried again.
        """
        with self._place.opened(self.name, os.O_WRONLY | os.O_CREAT) as descriptor:
            writer = self._resume(descriptor, keep_on)
            if writer.position < self._obj.size_bytes:
                await fetch(writer, writer.position)
            self._check(writer)

    @property
    def progress(self) -> int:
        """Bytes that are on disk so far."""
        return self._place.size_of(self.name) or 0

    def _resume(self, descriptor: int, keep_on: Callable[[], bool]) -> Writer:
        size = os.fstat(descriptor).st_size
        if size > self._obj.size_bytes:
            os.ftruncate(descriptor, 0)
            size = 0
        # What was written before is part of the proof, so it is read again.
        crc32c = self._place.checksum(self.name) if size else 0
        os.lseek(descriptor, size, os.SEEK_SET)
        writer = Writer(descriptor, crc32c, size, self._obj.size_bytes, keep_on)
        if not size:
            self._take_over(writer)
        return writer

    def _take_over(self, writer: Writer) -> None:
        """Begin with a copy of what a writer left that was killed, or is believed to have been."""
        left = [name for name in self._place.earlier(self._stem) if self._is_orphan(name)]
        if not left:
            return
        longest = max(left, key=lambda name: self._place.size_of(name) or 0)
        try:
            for chunk in self._place.chunks(longest):
                writer.write(chunk)
        finally:
            # Its bytes may be why the sum is wrong: they are taken once.
            for name in left:
                self._place.remove(name)

    def _is_orphan(self, name: str) -> bool:
        return (
            name.endswith(PARTIAL)
            and name not in {self.name, self._resting}
            and self._place.size_of(name) is not None  # it may have been taken since
        )

    def _check(self, writer: Writer) -> None:
        obj = self._obj
        if writer.position < obj.size_bytes:
            raise RemoteError(
                Cause.TRANSIENT,
                f"{obj.name} ended after {writer.position:,} of {obj.size_bytes:,} bytes",
            )
        if obj.checksum in {"SHA-256", "MD5"}:
            is_same = self._place.holds(self.name, obj)
            differs = f"another {obj.checksum} than it has there"
        else:
            is_same = writer.crc32c == obj.crc32c or not obj.checksum
            differs = f"CRC32C {writer.crc32c:08x}, the bucket says {obj.crc32c:08x}"
        if not is_same:
            self._place.remove(self.name)
            raise RemoteError(Cause.INTEGRITY, f"{obj.name} came with {differs}")


class Writer:
    """A sink that writes, counts and sums; takes no byte beyond what the object has."""

    def __init__(
        self,
        descriptor: int,
        crc32c: int,
        position: int,
        size_bytes: int,
        keep_on: Callable[[], bool],
    ) -> None:
        self._descriptor = descriptor
        self._size_bytes = size_bytes
        self._keep_on = keep_on
        self.crc32c = crc32c
        self.position = position

    def write(self, data: bytes) -> int:
        """Take the next bytes; what came is kept though it is to end."""
        if self.position + len(data) > self._size_bytes:
            # A server that ignores Range sends the whole object again.
            os.ftruncate(self._descriptor, 0)
            raise RemoteError(Cause.INTEGRITY, "more bytes came than the object has")
        write_all(self._descriptor, data)
        self.crc32c = google_crc32c.extend(self.crc32c, data)
        self.position += len(data)
        if not self._keep_on():
            raise stopped()
        return len(data)


def arrived_bytes(place: Folder, file: str, token: str) -> int | None:
    """Return how much its writer has on disk so far; None: there is none."""
    length = len(f"{file}.{token}.{_draw()}{PARTIAL}")
    named = (name for name in place.names() if name.startswith(f"{file}.{token}."))
    return max((place.size_of(name) or 0 for name in named if len(name) == length), default=None)


def make_durable(place: Folder, name: str) -> None:
    """Have a file that landed on the disk itself; if that fails it is removed."""
    with place.opened(name, os.O_RDONLY) as descriptor:
        try:
            os.fsync(descriptor)
        except OSError:
            # The kernel may have dropped what it could not write, and would call a second fsync
            # a success: the file is written anew, from its first byte.
            place.remove(name)
            raise


def name_unproved(place: Folder, name: str, file: str, token: str) -> None:
    """Give a file that landed the name that says it is unproved; the folder is yet to be synced.

    Only the daemon does, after the writer's last word. Raises RemoteError DISK if it is not there.
    """
    try:
        if name not in {file, unproved(file, token)}:
            place.rename(name, unproved(file, token))
    except FileNotFoundError:
        raise RemoteError(
            Cause.DISK, f"{name} is not in {place.path}: does who fetched it share the mirror?"
        ) from None


def unproved(file: str, token: str) -> str:
    """Return the name of a complete file that the verifier has not read through yet."""
    return f"{file}.{token}{UNPROVED}"


def _draw() -> str:
    return "".join(WRITER_LETTERS[byte % 32] for byte in secrets.token_bytes(WRITER_LENGTH))
