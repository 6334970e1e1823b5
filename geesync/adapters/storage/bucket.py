"""The bucket in which Earth Engine leaves its exports; the only importer of its client."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from geesync.adapters.google.connecting import ConnectedOnce
from geesync.adapters.google.credentials import token_request
from geesync.adapters.google.pacing import Pacer
from geesync.adapters.google.paging import Pages
from geesync.adapters.storage.bucket_settings import BucketSettings, settings_from
from geesync.adapters.storage.errors import classed, missing_is_forbidden, translated
from geesync.adapters.transfer.answers import PIECE_BYTES, Sink
from geesync.adapters.transfer.transfer import Transfers
from geesync.domain.failures.google_errors import UNREADABLE, unreadable
from geesync.domain.mirror.coverage import StoredObject
from geesync.errors import Cause, RemoteError

Answer = TypeVar("Answer")

#: What Google lets one batch hold.
DELETED_AT_ONCE = 100

_FIELDS = "items(name,size,generation,crc32c,md5Hash),nextPageToken"

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
        self._url = url
        self.timeout_s = timeout_s
        self._transfers = Transfers(
            credentials=credentials, token_request=token_request, url=url, timeout_s=timeout_s
        )
        self._client = ConnectedOnce(self._connect)

    @property
    def endpoint(self) -> str:
        """Where its API is, without a slash at the end."""
        return (self._url or _GOOGLE).rstrip("/")

    @property
    def session(self) -> Any:
        """How requests outside of the client's methods are made, with the same credentials."""
        return self._client()._http  # noqa: SLF001 # the client's own, with its connections

    def paced(self, call: Callable[[], Answer]) -> Answer:
        """Make a request when its turn has come; repeat it as all others are."""
        return self._pacer(call)

    def list_objects(self, bucket: str, prefix: str) -> list[StoredObject]:
        """Return every object below a prefix, all pages or none (a RemoteError)."""

        def listed() -> list[StoredObject]:
            blobs = self._client().list_blobs(
                bucket, prefix=prefix, fields=_FIELDS, timeout=self.timeout_s, retry=None
            )
            pages, stored = Pages(), []
            for page in blobs.pages:
                some = [_stored(self._whole(bucket, blob)) for blob in page]
                stored += some
                pages.check(some[0].name if some else None, blobs.next_page_token)
            return stored

        with missing_is_forbidden(bucket):
            return self._pacer(lambda: translated(listed))

    def _whole(self, bucket: str, listed: Any) -> Any:
        """Return an object with what a copy of it is proved by, which a listing may leave out.

        There may be an MD5 only, or nothing. Raises RemoteError TRANSIENT if its size or generation
        is not told: an incomplete answer is no absence.
        """
        if _is_whole(listed) and listed.crc32c is not None:
            return listed
        described = (
            self._client()
            .bucket(bucket)
            .get_blob(listed.name, generation=listed.generation, timeout=self.timeout_s, retry=None)
        )
        if described is None or not _is_whole(described):
            raise RemoteError(Cause.TRANSIENT, f"size and writing of {listed.name} are not told")
        return described

    def find(self, bucket: str, obj: StoredObject) -> StoredObject | None:
        """Return what the bucket tells now of one writing of an object; None if it is not there."""

        def found() -> StoredObject | None:
            blob = (
                self._client()
                .bucket(bucket)
                .get_blob(obj.name, generation=obj.generation, timeout=self.timeout_s, retry=None)
            )
            return _stored(blob) if blob is not None else None

        answer = self._pacer(lambda: translated(found))
        if answer is None:
            self.check_access(bucket)  # a bucket that is gone must not look like lost objects
        return answer

    async def fetch(
        self,
        bucket: str,
        obj: StoredObject,
        sink: Sink,
        *,
        start: int,
        piece_bytes: int = PIECE_BYTES,
    ) -> None:
        """Write one generation's bytes from an offset on into the sink, once, unchecked.

        Nothing is checked on the way, so the sink must. piece_bytes: how many it is given at a
        time, about, if there are as many. Raises RemoteError; GONE if this
        generation is not there any more.
        """
        try:
            await self._pacer.once(
                lambda: self._transfers.fetch(
                    bucket, obj, sink, start=start, piece_bytes=piece_bytes
                )
            )
        except RemoteError as error:
            if error.cause == Cause.GONE:
                self.check_access(bucket)  # a bucket that is gone must not look like lost objects
            raise

    def delete(self, bucket: str, objects: Sequence[StoredObject]) -> list[bool | RemoteError]:
        """Delete exactly these generations, in one request; at most ``DELETED_AT_ONCE``.

        Returns for each object, in order: True; False if it was not there any more (or is
        another); or why it could not be deleted. Raises RemoteError if the request failed as a
        whole: what it did is not known then, and asking again is safe.
        """

        def deleted() -> list[bool | RemoteError]:
            client = self._client()
            with client.batch(raise_exception=False) as batch:
                for obj in objects:
                    blob = client.bucket(bucket).blob(obj.name, generation=obj.generation)
                    blob.delete(
                        if_generation_match=obj.generation, timeout=self.timeout_s, retry=None
                    )
            answers = batch._responses  # noqa: SLF001 # the client tells them nowhere else
            return [_deleted(answer) for answer in answers]

        return self._pacer(lambda: translated(deleted))

    def check_access(self, bucket: str) -> None:
        """Raise RemoteError if the bucket's objects cannot be listed.

        PERMISSION also if there is no such bucket: a person must act, and nothing else is lost.
        """

        def looked() -> None:
            blobs = self._client().list_blobs(
                bucket, max_results=1, fields=_FIELDS, timeout=self.timeout_s, retry=None
            )
            next(iter(blobs), None)

        with missing_is_forbidden(bucket):
            self._pacer(lambda: translated(looked))

    def probe(self, bucket: str, name: str) -> None:
        """Write and delete a small object: what Earth Engine and the sweeper will do."""

        def probed() -> None:
            blob = self._client().bucket(bucket).blob(name)
            blob.upload_from_string(b"geesync", timeout=self.timeout_s, retry=None)
            blob.delete(timeout=self.timeout_s, retry=None)

        with missing_is_forbidden(bucket):
            self._pacer(lambda: translated(probed), tries=1)

    def settings(self, bucket: str) -> BucketSettings:
        """Return what the bucket does to objects by itself. PERMISSION if we may not see it."""

        def got() -> BucketSettings:
            found = self._client().get_bucket(bucket, timeout=self.timeout_s, retry=None)
            return settings_from(found._properties)  # noqa: SLF001 # not all of it has accessors

        with missing_is_forbidden(bucket):
            return self._pacer(lambda: translated(got))

    def _connect(self) -> Any:
        # The client would ask for the bucket behind our back, for traces that nobody reads.
        os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
        # Imported late: it takes longer than most commands need for all their work.
        from google.cloud import storage  # noqa: PLC0415

        from geesync.adapters.google.sessions import authorized  # noqa: PLC0415

        options = {"api_endpoint": self._url} if self._url else None
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
    refusal = classed(error.code, words, answer)
    return False if refusal.cause == Cause.GONE else refusal


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
