"""Where pixels and rows are asked for directly: by one thread, at one pace.

A source cannot be sent to a worker. What is sent is where it leads; the worker opens one of its
own, with its own credentials, and hears from the daemon whether to go on.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from geesync.adapters.executors.executor import orders_of
from geesync.adapters.formats.npy import decode
from geesync.adapters.google.credentials import find_credentials
from geesync.adapters.google.pacing import AtOnce, Pacer
from geesync.adapters.transfer.answers import Collected
from geesync.adapters.transfer.curl_loop import Answer, Routine, turns
from geesync.adapters.transfer.signed_requests import SignedRequests
from geesync.domain.assets.grid import Grid
from geesync.domain.direct.fields import Field
from geesync.domain.direct.requests import WORKLOAD_TAG, body, names, wkt_of
from geesync.domain.json import Json
from geesync.domain.tasks.expressions import expression
from geesync.errors import Cause, RemoteError

if TYPE_CHECKING:
    from geesync.adapters.formats.npy import Arrays

#: For requests that are many and small: a quota of its own, and less caching.
#: https://developers.google.com/earth-engine/guides/processing_environments
HIGH_VOLUME = "https://earthengine-highvolume.googleapis.com"

#: A header of an answer beside its pixels.
_HEADER_BYTES = 1024 * 1024

#: A page of features: a thousand, of a million vertices at most each, and mostly of a few.
_MOST_PAGE_BYTES = 512 * 1024 * 1024

_QUOTA = "x-earth-engine-quota-status"
_RESTRICTED = "parallelism_restricted=true"


@dataclass(frozen=True)
class Access:
    """Where a source leads, and how fast; no secret is among it."""

    daemon: str  #: whose orders hold: drawn anew by each start of a daemon
    project: str
    url: str | None
    timeout_s: float  #: an answer may take so long to begin
    at_once: int  #: requests on their way
    requests_per_s: float
    key_file: Path | None = None
    workload_tag: str = WORKLOAD_TAG  #: of requests for pixels


@dataclass(frozen=True)
class Source:
    """Earth Engine's answers, as one user."""

    access: Access
    requests: SignedRequests
    pacer: Pacer
    at_once: AtOnce
    keep_on: Callable[[], bool]
    restricted: list[bool] = field(default_factory=lambda: [False])
    """Whether the last answer said that the project's compute is used up, and it is slowed down."""

    @property
    def fewer(self) -> int:
        """How many requests less may be on their way, since Earth Engine said "too many"."""
        return self.at_once.most - self.at_once.now

    def part(self, at_once: int) -> Source:
        """Return one with so many of the requests that may be on their way."""
        if at_once == self.access.at_once:
            return self
        rate = self.access.requests_per_s * at_once / self.access.at_once
        access = replace(self.access, at_once=at_once, requests_per_s=rate)
        return replace(self, access=access, at_once=AtOnce(at_once))

    def turns(
        self, works: Iterable[Routine[Answer]], most: int = sys.maxsize
    ) -> Iterator[list[tuple[int, Answer]]]:
        """Do works that ask it, so many at a time as may be, and at most; see ``curl_loop``."""
        return turns(
            works,
            at_once=lambda: min(most, self.at_once.now),
            stopping=lambda: not self.keep_on(),
        )

    async def pixels(
        self, image: str, revision: str, fields: Sequence[Field], grid: Grid
    ) -> Arrays:
        """Return fields of an image on the grid of a tile, by field.

        image: the name of an asset, or an expression as JSON text. revision: of it; an answer that
        was meant for another one, or for another tile, is refused.
        Raises RemoteError; PLAN if it takes more memory or time than one answer may.
        """
        project = quote(self.access.project, safe=":")
        url = f"{base_of(self.access)}/v1/projects/{project}/image:computePixels"
        called = names(image, revision, fields, grid)
        asked = json.dumps(body(image, fields, grid, called, self.access.workload_tag)).encode()
        size_bytes = grid.pixels * sum(one.size_bytes for one in fields)

        async def once() -> Arrays:
            answer = await self._post(url, asked, size_bytes + _HEADER_BYTES)
            return decode(answer, fields, called, grid.height, grid.width)

        return await self.pacer.asked(once, self.at_once)

    async def features(self, asset: str, page_token: str, page_rows: int) -> Json:
        """Return a page of a table's rows, as ``listFeatures`` has it; page_token: "" is the first.

        Raises RemoteError.
        """
        token = f"&pageToken={quote(page_token, safe='')}" if page_token else ""
        url = f"{base_of(self.access)}/v1/{quote(asset)}:listFeatures?pageSize={page_rows}{token}"

        async def once() -> Json:
            sink = Collected(_MOST_PAGE_BYTES)
            self._learn((await self.requests.ask(url, sink)).header(_QUOTA))
            return _page(sink.whole())

        return await self.pacer.asked(once, self.at_once)

    async def wkt(self, crs: str) -> str:
        """Return a CRS as Earth Engine spells it out. Raises RemoteError."""
        project = quote(self.access.project, safe=":")
        url = f"{base_of(self.access)}/v1/projects/{project}/value:compute"
        asked = json.dumps({"expression": expression(wkt_of(crs))}).encode()

        async def once() -> str:
            answer = json.loads(await self._post(url, asked, _HEADER_BYTES))
            return str(answer.get("result", ""))

        return await self.pacer.asked(once, self.at_once)

    async def _post(self, url: str, asked: bytes, most_bytes: int) -> bytes:
        sink = Collected(most_bytes)
        self._learn((await self.requests.ask(url, sink, method="POST", body=asked)).header(_QUOTA))
        return sink.whole()

    def _learn(self, quota: str) -> None:
        self.restricted[0] = _RESTRICTED in quota

    def __reduce__(self) -> tuple[Any, ...]:
        return of_worker, (self.access,)


def base_of(access: Access) -> str:
    """Return what all addresses begin with."""
    return (access.url or HIGH_VOLUME).rstrip("/")


def open_source(access: Access, pacer: Pacer, keep_on: Callable[[], bool]) -> Source:
    """Return a source of this process. Raises NotAllowedError if there are no credentials."""
    requests = SignedRequests(
        base_of(access),
        credentials=find_credentials(access.key_file, url=access.url, project=access.project),
        timeout_s=access.timeout_s,
        encoded=True,
    )
    return Source(access, requests, pacer, AtOnce(access.at_once), keep_on)


@lru_cache(maxsize=4)
def of_worker(access: Access) -> Source:
    """Return the source of a process beside the daemon: one, so that there is one pace."""
    pacer = Pacer(access.requests_per_s)
    return open_source(access, pacer, lambda: not orders_of(access.daemon).stop)


def _page(answer: bytes) -> Json:
    try:
        page = json.loads(answer)
    except (ValueError, RecursionError):
        page = None
    if not isinstance(page, dict) or not isinstance(page.get("features", []), list):
        raise RemoteError(Cause.TRANSIENT, "an unreadable answer: it is no page of features")
    return page
