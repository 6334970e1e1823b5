"""A person's Google Drive, in which Earth Engine may leave exports.

Its folders are names, of which Earth Engine makes new ones as it likes, and names repeat. So a file
is found by its exact name wherever it is; it is the one that is meant if size and checksum are.
https://developers.google.com/workspace/drive/api/reference/rest/v3
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from operator import itemgetter
from typing import Any
from urllib.parse import urlencode

from geesync.adapters.google.credentials import describe
from geesync.adapters.google.pacing import Pacer
from geesync.adapters.google.paging import pages
from geesync.adapters.transfer.answers import PIECE_BYTES, Sink
from geesync.adapters.transfer.curl_loop import run
from geesync.adapters.transfer.signed_requests import SignedRequests
from geesync.domain.failures.google_errors import UNREADABLE, unreadable
from geesync.domain.json import Json
from geesync.domain.mirror.coverage import StoredObject
from geesync.domain.tasks.exports import drive_name
from geesync.errors import Cause, RemoteError
from geesync.logger import get_logger

log = get_logger()

_GOOGLE = "https://www.googleapis.com"
_FIELDS = "nextPageToken,files(id,name,size,sha256Checksum,md5Checksum,createdTime)"
_PAGE_FILES = 1000

_NO_SCOPE = re.compile(r"insufficient authentication scopes", re.IGNORECASE)
_LOG_IN = "this login does not allow it: log in anew with `earthengine authenticate --force`"
_PERSON = "a person has to log in with `earthengine authenticate`"

#: What follows of a file's name after what all of ours begin with.
_OURS = re.compile(r"([a-z2-7]{16})_")


class Drive:
    """The Drive of who the credentials are. Raises RemoteError, classed, and nothing else.

    Objects have the names that they would have in a bucket; ``drive_name`` says which in Drive.
    A place is a folder's name, and of no use. url: another service than Google's.
    """

    def __init__(
        self, *, credentials: Any, pacer: Pacer, url: str | None = None, timeout_s: float = 30.0
    ) -> None:
        self._credentials = credentials
        self._pacer = pacer
        self._base = f"{(url or _GOOGLE).rstrip('/')}/drive/v3"
        self._requests = SignedRequests(self._base, credentials=credentials, timeout_s=timeout_s)

    def list_objects(
        self, _place: str, prefix: str, wanted: Callable[[str], bool] = lambda _: True
    ) -> list[StoredObject]:
        """Return every file below a prefix, of a name that is wanted; of one name the newest.

        Below a folder, ``geesync/``, only the token in a name is told as it would be in a bucket.
        """
        beginning = drive_name(prefix)
        newest: dict[str, StoredObject] = {}
        for file in self._files("contains", beginning):
            if not file["name"].startswith(beginning):
                continue
            rest = file["name"].removeprefix(beginning)
            obj = _stored(
                file, prefix + (_OURS.sub(r"\1/", rest, 1) if prefix[-1] == "/" else rest)
            )
            known = newest.get(obj.name)
            if known is None or known.generation < obj.generation:
                newest[obj.name] = obj
        return [obj for name, obj in newest.items() if wanted(name)]

    def find(self, _place: str, obj: StoredObject) -> StoredObject | None:
        """Return what is looked for, if Drive still has it."""
        named = self._files("=", drive_name(obj.name))
        return obj if any(_is_same(file, obj) for file in named) else None

    async def fetch(
        self,
        _place: str,
        obj: StoredObject,
        sink: Sink,
        *,
        start: int,
        piece_bytes: int = PIECE_BYTES,
    ) -> None:
        """Write a file's bytes from an offset on into the sink, once, unchecked.

        Raises RemoteError; GONE if Drive has no file of this name, size and checksum any more.
        """

        async def once() -> None:
            name = drive_name(obj.name)
            files, _ = _page(await self._requests.content(self._listing("=", name)))
            file_id = next((file["id"] for file in files if _is_same(file, obj)), None)
            if file_id is None:
                raise RemoteError(Cause.GONE, f"{name} is not in Drive any more")
            media = f"{self._base}/files/{file_id}?alt=media"
            await self._requests.ask(media, sink, start=start, piece_bytes=piece_bytes)

        with _in_our_words():
            await self._pacer.asked(once)

    def delete(self, _place: str, objects: Sequence[StoredObject]) -> list[bool | RemoteError]:
        """Delete files for good, each with all that has its name and its bytes.

        What has its name and other bytes was never proved: it stays, and the log tells. Returns for
        each, in order: True; False if it was not there any more; or why it could not be deleted.
        """
        return [self._deleted(obj) for obj in objects]

    def _deleted(self, obj: StoredObject) -> bool | RemoteError:
        try:
            named = list(self._files("=", drive_name(obj.name)))
            same = [entry for entry in named if _is_same(entry, obj)]
            for entry in same:
                self._ask(f"{self._base}/files/{entry['id']}", method="DELETE")
        except RemoteError as error:
            return False if error.cause == Cause.GONE else error
        for entry in named:
            if entry not in same:
                log.warning("drive_file_left", file=entry["name"], id=entry["id"])
        return bool(same)

    def check_access(self, _place: str) -> None:
        """Raise RemoteError if this login may not use Drive, or has none."""
        whose, _ = describe(self._credentials)
        if "service account" in whose:
            raise RemoteError(Cause.PERMISSION, f"Google Drive: a {whose} has none: {_PERSON}")
        self._ask(f"{self._base}/about?fields=storageQuota")

    def _files(self, operator: str, name: str) -> Iterator[Json]:
        """Yield the person's own files of a name, or that begin so; all pages."""

        def asked(token: str) -> tuple[list[Json], str]:
            return _page(self._ask(self._listing(operator, name, token)))

        for files in pages(asked, itemgetter("id")):
            yield from files

    def _listing(self, operator: str, name: str, token: str = "") -> str:
        query = f"name {operator} '{name}' and 'me' in owners and trashed = false"
        asked = {"q": query, "fields": _FIELDS, "pageSize": _PAGE_FILES}
        more = {"pageToken": token} if token else {}
        return f"{self._base}/files?{urlencode(asked | more)}"

    def _ask(self, url: str, method: str = "GET") -> bytes:
        with _in_our_words():
            return self._pacer(lambda: run([self._requests.content(url, method)])[0])


@contextmanager
def _in_our_words() -> Iterator[None]:
    """Say what a person has to do about a refusal."""
    try:
        yield
    except RemoteError as error:
        if error.cause != Cause.PERMISSION:
            raise
        message = _LOG_IN if _NO_SCOPE.search(str(error)) else str(error)
        raise RemoteError(
            Cause.PERMISSION, f"Google Drive: {message}", status=error.status
        ) from error


def _page(answer: bytes) -> tuple[list[Json], str]:
    """Return a page of a listing, and the token of the next; raises RemoteError if it is none."""
    try:
        page = json.loads(answer)
        files = [
            file | {"id": str(file["id"]), "name": str(file["name"])} for file in page["files"]
        ]
    except UNREADABLE as error:
        raise unreadable(error) from error
    return files, str(page.get("nextPageToken", ""))


def _stored(file: Json, name: str) -> StoredObject:
    """Return a file as an object; raises RemoteError TRANSIENT if what proves it is not told."""
    try:
        made = datetime.fromisoformat(file["createdTime"])
        size_bytes, sha256 = int(file["size"]), bytes.fromhex(file.get("sha256Checksum", "")).hex()
        md5 = "" if sha256 else bytes.fromhex(file["md5Checksum"]).hex()
    except UNREADABLE:
        what = f"size and checksum of {file['name']} are not told"
        raise RemoteError(Cause.TRANSIENT, what) from None
    return StoredObject(name, int(made.timestamp() * 1000), size_bytes, 0, sha256, md5)


def _is_same(file: Json, obj: StoredObject) -> bool:
    by_sha256 = obj.sha256 and "sha256Checksum" in file
    key, known = ("sha256Checksum", obj.sha256) if by_sha256 else ("md5Checksum", obj.md5)
    return (file.get("size"), file.get(key)) == (str(obj.size_bytes), known)
