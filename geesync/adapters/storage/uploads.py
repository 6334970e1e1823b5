"""Files on their way into a bucket: whole or not at all, resumed where they ended, never twice.

The resumable protocol itself, since Cloud Storage's client cannot go on in another process:
https://cloud.google.com/storage/docs/performing-resumable-uploads
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

from geesync.adapters.storage.bucket import Storage, refused, stored_from
from geesync.adapters.transfer.bandwidth import Bandwidth
from geesync.domain.failures.shared_failures import stopped
from geesync.domain.mirror.coverage import StoredObject
from geesync.errors import Cause, RemoteError

#: A piece is a multiple of 256 KiB, as the protocol wants it; it is held in memory.
PIECE_BYTES = 8 * 2**20

_INCOMPLETE, _EXISTS = 308, 412
_GONE = frozenset({404, 410})
_RANGE = re.compile(r"bytes=0-(\d+)")


@dataclass(frozen=True)
class Upload:
    """A file that is to be an object."""

    file: Path
    bucket: str
    name: str
    size_bytes: int
    crc32c: int


@dataclass(frozen=True)
class Uploads:
    """Uploads of one user. Raises RemoteError, classed, and nothing else of its own."""

    storage: Storage
    bandwidth: Bandwidth
    keep_on: Callable[[], bool]

    def upload(self, wanted: Upload, work: Path) -> StoredObject:
        """Bring a file into the bucket, or find it there; return the object.

        work: a private folder for the address of an unfinished upload. Cloud Storage compares the
        CRC32C itself, and refuses an object that differs. Raises RemoteError INTEGRITY if another
        object has the name.
        """
        place = hashlib.sha256(f"{wanted.bucket}/{wanted.name}".encode()).hexdigest()
        kept = work / f"{place[:32]}.upload"
        session = kept.read_text(encoding="ascii") if kept.exists() else ""
        progress = self._ask_how_far(session) if session else None
        if progress is None:
            session = self._begin(wanted)
            if not session:
                return self._find(wanted)
            kept.touch(0o600)  # the address is all that it takes to write there
            kept.write_text(session, encoding="ascii")
            progress = 0
        with wanted.file.open("rb") as file:
            while isinstance(progress, int):
                progress = self._send(session, wanted, file, progress)
        kept.unlink(missing_ok=True)
        return self._require_same(wanted, progress)

    def _begin(self, wanted: Upload) -> str:
        """Return the address of a new upload; "" if an object has the name."""
        place = f"/upload/storage/v1/b/{quote(wanted.bucket, safe='')}/o"
        query = f"uploadType=resumable&ifGenerationMatch=0&name={quote(wanted.name, safe='')}"
        body = {
            "name": wanted.name,
            "crc32c": base64.b64encode(wanted.crc32c.to_bytes(4, "big")).decode(),
        }
        answer = self.storage.request(
            "POST",
            f"{self.storage.endpoint}{place}?{query}",
            json.dumps(body).encode(),
            {
                "Content-Type": "application/json; charset=UTF-8",
                "X-Upload-Content-Length": str(wanted.size_bytes),
            },
        )
        if answer.status_code == _EXISTS:
            return ""
        _require(answer, 200)
        return str(answer.headers["location"])

    def _ask_how_far(self, session: str) -> int | StoredObject | None:
        """Return how many bytes came, or the object; None if the upload is not known any more."""
        headers = {"Content-Range": "bytes */*"}
        answer = self.storage.request("PUT", session, b"", headers)
        if answer.status_code in _GONE:
            return None
        return self._after(answer)

    def _send(self, session: str, wanted: Upload, file: BinaryIO, start: int) -> int | StoredObject:
        """Send the piece that begins at a byte; return how many came by then, or the object."""
        file.seek(start)
        piece = file.read(PIECE_BYTES)
        self.bandwidth.take(len(piece), self.keep_on)
        if not self.keep_on():
            raise stopped()
        end = start + len(piece) - 1
        content_range = f"bytes {start}-{end}/{wanted.size_bytes}" if piece else "bytes */0"
        answer = self.storage.request("PUT", session, piece, {"Content-Range": content_range})
        if answer.status_code == _EXISTS:
            return self._find(wanted)
        return self._after(answer)

    def _after(self, answer: Any) -> int | StoredObject:
        """Return how many bytes came, or the object, as an answer to a piece says it."""
        if answer.status_code == _INCOMPLETE:
            found = _RANGE.fullmatch(answer.headers.get("range", ""))
            return int(found[1]) + 1 if found else 0
        _require(answer, 200, 201)
        return stored_from(answer.json())

    def _find(self, wanted: Upload) -> StoredObject:
        for obj in self.storage.list_objects(wanted.bucket, wanted.name):
            if obj.name == wanted.name:
                return self._require_same(wanted, obj)
        raise RemoteError(Cause.TRANSIENT, f"{wanted.name} was there, and is there no more")

    def _require_same(self, wanted: Upload, obj: StoredObject) -> StoredObject:
        if (obj.size_bytes, obj.crc32c) != (wanted.size_bytes, wanted.crc32c):
            raise RemoteError(
                Cause.INTEGRITY, f"gs://{wanted.bucket}/{wanted.name} is another object"
            )
        return obj


def _require(answer: Any, *statuses: int) -> None:
    if answer.status_code not in statuses:
        raise refused(answer, answer.status_code, answer.text)
