"""Objects on their way to disk: resumed where they ended, and checked byte for byte."""

from __future__ import annotations

import os
from collections.abc import Callable

import google_crc32c

from geesync.adapters.disk import Folder, write_all
from geesync.domain.coverage import StoredObject
from geesync.domain.layout import PARTIAL, UNPROVED
from geesync.errors import Cause, RemoteError


class Landing:
    """An object's bytes on their way to disk: resumed where they ended, checked as a whole."""

    def __init__(self, place: Folder, file: str, token: str, obj: StoredObject) -> None:
        self._place = place
        self._obj = obj
        self._partial = f"{file}.{token}{PARTIAL}"
        self.name = unproved(file, token)  #: the file's name when it is complete

    def fetch(self, fetch: Callable[[Writer, int], None], keep_on: Callable[[], bool]) -> None:
        """Bring every byte to disk, durable, under ``name``; the folder is still to be synced.

        fetch: writes the object's bytes from an offset on. keep_on: asked between chunks; False
        ends the transfer, what came stays. Raises RemoteError INTEGRITY if the bytes are not the
        object's: they are discarded, and it may be tried again.
        """
        if self._place.size_of(self.name) == self._obj.size_bytes:
            if self._place.checksum(self.name) == self._obj.crc32c:
                return  # the power failed between the rename and the ledger
            self._place.remove(self.name)
        flags = os.O_WRONLY | os.O_CREAT
        with self._place.opened(self._partial, flags) as descriptor:
            writer = self._resume(descriptor, keep_on)
            if writer.position < self._obj.size_bytes:
                fetch(writer, writer.position)
            self._check(writer)
            self._make_durable(descriptor)
        self._place.rename(self._partial, self.name)

    def _make_durable(self, descriptor: int) -> None:
        try:
            os.fsync(descriptor)
        except OSError:
            # The kernel may have dropped what it could not write, and would call a second fsync
            # a success: the file is written anew, from its first byte.
            self._place.remove(self._partial)
            raise

    @property
    def progress(self) -> int:
        """Bytes that are on disk so far."""
        return self._place.size_of(self._partial) or 0

    def _resume(self, descriptor: int, keep_on: Callable[[], bool]) -> Writer:
        size = self._place.size_of(self._partial) or 0
        if size > self._obj.size_bytes:
            os.ftruncate(descriptor, 0)
            size = 0
        # What was written before is part of the proof, so it is read again.
        crc32c = self._place.checksum(self._partial) if size else 0
        os.lseek(descriptor, size, os.SEEK_SET)
        return Writer(descriptor, crc32c, size, self._obj.size_bytes, keep_on)

    def _check(self, writer: Writer) -> None:
        obj = self._obj
        if writer.position < obj.size_bytes:
            raise RemoteError(
                Cause.TRANSIENT,
                f"{obj.name} ended after {writer.position:,} of {obj.size_bytes:,} bytes",
            )
        if writer.crc32c != obj.crc32c:
            self._place.remove(self._partial)
            raise RemoteError(
                Cause.INTEGRITY,
                f"{obj.name} came with CRC32C {writer.crc32c:08x}, the bucket says"
                f" {obj.crc32c:08x}",
            )


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
        """Take the next bytes."""
        if not self._keep_on():
            raise RemoteError(Cause.TRANSIENT, "stopped")
        if self.position + len(data) > self._size_bytes:
            # A server that ignores Range sends the whole object again.
            os.ftruncate(self._descriptor, 0)
            raise RemoteError(Cause.INTEGRITY, "more bytes came than the object has")
        write_all(self._descriptor, data)
        self.crc32c = google_crc32c.extend(self.crc32c, data)
        self.position += len(data)
        return len(data)


def unproved(file: str, token: str) -> str:
    """Return the name of a complete file that the verifier has not read through yet."""
    return f"{file}.{token}{UNPROVED}"
