"""Moves the bytes of one object from Cloud Storage into a sink."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from geesync.adapters.transfer.answers import Sink
from geesync.adapters.transfer.signed_requests import SignedRequests
from geesync.domain.mirror.coverage import StoredObject

_GOOGLE = "https://storage.googleapis.com"


class Transfers:
    """Downloads as one user; any number of threads at a time.

    timeout_s: how long a connection may stay silent. token_request: makes what google-auth asks
    for a token with.
    """

    def __init__(
        self,
        *,
        credentials: Any,
        token_request: Callable[[], Any],
        url: str | None,
        timeout_s: float,
    ) -> None:
        self._url = (url or _GOOGLE).rstrip("/")
        self._requests = SignedRequests(
            self._url, credentials=credentials, token_request=token_request, timeout_s=timeout_s
        )

    async def fetch(
        self, bucket: str, obj: StoredObject, sink: Sink, *, start: int, piece_bytes: int
    ) -> None:
        """Write one generation's bytes from an offset on into the sink, as they are stored.

        piece_bytes: how many the sink is given at a time, about, if there are as many.
        Raises what the sink raised, or RemoteError.
        """
        place = f"{quote(bucket, safe='')}/o/{quote(obj.name, safe='')}"
        url = f"{self._url}/download/storage/v1/b/{place}?alt=media&generation={obj.generation}"
        await self._requests.get(url, sink, start=start, piece_bytes=piece_bytes)
