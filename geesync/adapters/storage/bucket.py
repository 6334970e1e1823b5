"""The bucket in which Earth Engine leaves its exports; the only importer of its client."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any, TypeVar
from urllib.parse import quote

from geesync.adapters.google.errors import translated
from geesync.adapters.google.pacing import Pacer
from geesync.adapters.google.paging import Pages
from geesync.adapters.storage.bucket_settings import BucketSettings, settings_from
from geesync.adapters.transfer.answers import PIECE_BYTES, Sink
from geesync.adapters.transfer.signed_requests import SignedRequests
from geesync.domain.failures.google_errors import UNREADABLE, refusal, unreadable
from geesync.domain.mirror.coverage import StoredObject
from geesync.errors import Cause, RemoteError

Answer = TypeVar("Answer")

#: What Google lets one batch hold.
DELETED_AT_ONCE = 100

#: Objects of a page of a listing; others than Google's would answer with all of them at once.
_PAGE = 1000
_FIELDS = "items(name,size,generation,crc32c,md5Hash),nextPageToken"

#: The status of an object that is another one by now.
_ANOTHER = 412

_GOOGLE = "https://storage.googleapis.com"


class Storage:
    """Cloud Storage as one user. Raises RemoteError, classed, and nothing else of its own.

    url: another service than Google's, e.g. the simulator's bucket.
    """

    def __init__(
        self,
        *,
        project: str,
        credentials: Any,
        pacer: Pacer,
        url: str | None = None,
        timeout_s: float = 30.0,
    ) -> None:
        self._project = project
        self._credentials = credentials
        self._pacer = pacer
        self.endpoint = (url or _GOOGLE).rstrip("/")
        self._timeout_s = timeout_s
        self._downloads = SignedRequests(
            self.endpoint, credentials=credentials, timeout_s=timeout_s
        )

    def request(self, method: str, url: str, body: bytes, headers: dict[str, str]) -> Any:
        """Make a request that the client has no method for; return the answer of ``requests``."""

        def asked() -> Any:
            session = self._client._http  # noqa: SLF001 # its connections and credentials
            return session.request(
                method,
                url,
                data=body,
                headers=headers,
                timeout=self._timeout_s,
                allow_redirects=False,
            )

        return self._ask(asked)

    def list_objects(
        self, bucket: str, prefix: str, wanted: Callable[[str], bool] = lambda _: True
    ) -> list[StoredObject]:
        """Return every object below a prefix whose name is wanted; RemoteError if not all came."""

        def listed() -> list[StoredObject]:
            blobs = self._client.list_blobs(
                bucket,
                prefix=prefix,
                page_size=_PAGE,
                fields=_FIELDS,
                timeout=self._timeout_s,
                retry=None,
            )
            pages, stored = Pages(), []
            for page in blobs.pages:
                first = None
                for blob in page:
                    first = first or blob.name
                    stored += [_stored(self._whole(bucket, blob))] if wanted(blob.name) else []
                pages.check(first, blobs.next_page_token)
            return stored

        return self._ask(listed, bucket)

    def _whole(self, bucket: str, listed: Any) -> Any:
        """Return an object with what a copy of it is proved by, which a listing may leave out.

        There may be an MD5 only, or nothing. Raises RemoteError TRANSIENT if its size or generation
        is not told: an incomplete answer is no absence.
        """
        if _is_whole(listed) and listed.crc32c is not None:
            return listed
        described = self._described(bucket, listed)
        if described is None or not _is_whole(described):
            raise RemoteError(Cause.TRANSIENT, f"size and writing of {listed.name} are not told")
        return described

    def find(self, bucket: str, obj: StoredObject) -> StoredObject | None:
        """Return what the bucket tells now of one writing of an object; None if it is not there."""

        def found() -> StoredObject | None:
            blob = self._described(bucket, obj)
            return _stored(blob) if blob is not None else None

        answer = self._ask(found)
        if answer is None:
            self.check_access(bucket)  # a bucket that is gone must not look like lost objects
        return answer

    def _described(self, bucket: str, obj: Any) -> Any:
        """Return the client's object of a name and a generation, None if it is not there."""
        place = self._client.bucket(bucket)
        return place.get_blob(
            obj.name, generation=obj.generation, timeout=self._timeout_s, retry=None
        )

    async def fetch(
        self,
        bucket: str,
        obj: StoredObject,
        sink: Sink,
        *,
        start: int,
        piece_bytes: int = PIECE_BYTES,
    ) -> None:
        """Write one generation's bytes from an offset on into the sink, once, as they are stored.

        Nothing is checked on the way, so the sink must. piece_bytes: how many it is given at a
        time, about, if there are as many. Raises what the sink raises, or RemoteError; GONE if this
        generation is not there any more.
        """
        place = f"{quote(bucket, safe='')}/o/{quote(obj.name, safe='')}"
        query = f"alt=media&generation={obj.generation}"
        url = f"{self.endpoint}/download/storage/v1/b/{place}?{query}"
        try:
            await self._pacer.asked(
                lambda: self._downloads.ask(url, sink, start=start, piece_bytes=piece_bytes)
            )
        except RemoteError as error:
            if error.cause == Cause.GONE:
                self.check_access(bucket)  # a bucket that is gone must not look like lost objects
            raise

    def delete(self, bucket: str, objects: Sequence[StoredObject]) -> list[bool | RemoteError]:
        """Delete exactly these generations, ``DELETED_AT_ONCE`` by a request.

        Returns for each object, in order: True; False if it was not there any more (or is
        another); or why it could not be deleted. Raises RemoteError if a request failed as a
        whole: what it did is not known then, and asking again is safe.
        """

        def deleted(some: Sequence[StoredObject]) -> list[bool | RemoteError]:
            client = self._client
            with client.batch(raise_exception=False) as batch:
                for obj in some:
                    blob = client.bucket(bucket).blob(obj.name, generation=obj.generation)
                    blob.delete(
                        if_generation_match=obj.generation, timeout=self._timeout_s, retry=None
                    )
            answers = batch._responses  # noqa: SLF001 # the client tells them nowhere else
            return [_deleted(answer) for answer in answers]

        return [
            answer
            for first in range(0, len(objects), DELETED_AT_ONCE)
            for answer in self._ask(partial(deleted, objects[first : first + DELETED_AT_ONCE]))
        ]

    def check_access(self, bucket: str) -> None:
        """Raise RemoteError if the bucket's objects cannot be listed.

        PERMISSION also if there is no such bucket: a person must act, and nothing else is lost.
        """

        def looked() -> None:
            blobs = self._client.list_blobs(
                bucket, max_results=1, fields=_FIELDS, timeout=self._timeout_s, retry=None
            )
            next(iter(blobs), None)

        self._ask(looked, bucket)

    def probe(self, bucket: str, name: str) -> None:
        """Write and delete a small object: what Earth Engine and the sweeper will do."""

        def probed() -> None:
            blob = self._client.bucket(bucket).blob(name)
            blob.upload_from_string(b"geesync", timeout=self._timeout_s, retry=None)
            blob.delete(timeout=self._timeout_s, retry=None)

        self._ask(probed, bucket, tries=1)

    def settings(self, bucket: str) -> BucketSettings:
        """Return what the bucket does to objects by itself. PERMISSION if we may not see it."""

        def got() -> BucketSettings:
            found = self._client.get_bucket(bucket, timeout=self._timeout_s, retry=None)
            return settings_from(found._properties)  # noqa: SLF001 # not all of it has accessors

        return self._ask(got, bucket)

    def _ask(
        self, call: Callable[[], Answer], bucket: str | None = None, *, tries: int | None = None
    ) -> Answer:
        """Make a call of the client; bucket: one that is not there is one that we may not use."""
        from google.api_core.exceptions import GoogleAPICallError  # noqa: PLC0415 # slow to load

        def asked() -> Answer:
            try:
                return call()
            except GoogleAPICallError as error:
                raise refused(error.response, error.code, str(error.message)) from error

        try:
            return self._pacer(lambda: translated(asked), tries=tries)
        except RemoteError as error:
            if bucket is None or error.cause != Cause.GONE:
                raise
            message = f"there is no bucket {bucket}: {error}"
            raise RemoteError(Cause.PERMISSION, message, status=error.status) from error

    @cached_property
    def _client(self) -> Any:
        # The client would ask for the bucket behind our back, for traces that nobody reads.
        os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
        # Imported late: it takes longer than most commands need for all their work.
        from google.cloud import storage  # noqa: PLC0415

        from geesync.adapters.transfer.sessions import authorized  # noqa: PLC0415

        options = {"api_endpoint": self.endpoint} if self.endpoint != _GOOGLE else None
        session = authorized(self._credentials)
        return storage.Client(
            self._project, self._credentials, _http=session, client_options=options
        )


def _deleted(answer: Any) -> bool | RemoteError:
    """Return what one part of a batch's answer says."""
    from google.api_core.exceptions import from_http_response  # noqa: PLC0415

    if answer.ok:
        return True
    error = from_http_response(answer)
    words = str(error.message).removeprefix(f"BATCH {answer.request.url}: ")
    why = refused(answer, error.code, words)
    return False if why.cause == Cause.GONE or why.status == _ANOTHER else why


def refused(response: Any, status: int | None, message: str) -> RemoteError:
    """Return what an answer of ``requests`` means that is none."""
    headers = response.headers if response is not None else {}
    return refusal(status, message, headers.get("retry-after", ""))


def _is_whole(blob: Any) -> bool:
    """Whether a listing says of an object which it is, and how large."""
    return None not in (blob.name, blob.generation, blob.size)


def stored_from(resource: dict[str, Any]) -> StoredObject:
    """Return an object as the JSON API describes it; raises RemoteError if it is none."""
    try:
        return StoredObject(
            name=str(resource["name"]),
            generation=int(resource["generation"]),
            size_bytes=int(resource["size"]),
            crc32c=int.from_bytes(base64.b64decode(resource["crc32c"]), "big"),
        )
    except UNREADABLE as error:
        raise unreadable(error) from error


def _stored(blob: Any) -> StoredObject:
    return StoredObject(
        name=blob.name,
        generation=int(blob.generation),
        size_bytes=int(blob.size),
        crc32c=int.from_bytes(base64.b64decode(blob.crc32c or ""), "big"),
        md5="" if blob.crc32c else base64.b64decode(blob.md5_hash or "").hex(),
    )
