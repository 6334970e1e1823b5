"""The way to the bucket: passes everything through unchanged, except what must be refused.

The Cloud Storage behind it ignores generation preconditions when reading and deleting;
here they hold, as they do in the real service.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpcore
from starlette.types import Receive, Scope, Send

from geesync.simulator.audit import Audit
from geesync.simulator.storage_requests import (
    ObjectRequest,
    object_request,
    refusal_body,
    within_page_limit,
)

Headers = list[tuple[bytes, bytes]]

#: They belong to one connection and are made anew for the next one.
HOP_BY_HOP = frozenset((b"connection", b"date", b"expect", b"keep-alive", b"transfer-encoding"))
TIMEOUT_S = 600.0  #: for a single read or write: the server is on this machine


class StorageProxy:
    """ASGI application in front of a Cloud Storage on loopback.

    upstream: port of the Cloud Storage. audit: is told of every object deleted.
    """

    def __init__(self, upstream: int, audit: Audit) -> None:
        self._upstream = upstream
        self._audit = audit
        self._pool = httpcore.AsyncConnectionPool(max_connections=None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        method: str = scope["method"]
        path = scope["raw_path"].decode("latin-1")
        query = scope["query_string"].decode("latin-1")
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        asked = object_request(method, path, query, headers)
        generation: int | None = None
        if asked is not None and asked.needs_generation:
            generation = await self._generation(asked)
            status = asked.refusal(generation)
            if status is not None:
                kind, body = refusal_body(asked, status)
                await _answer(send, status, [(b"content-type", kind.encode())], body)
                return
        query = within_page_limit(method, path, query)
        target = f"{path}?{query}" if query else path
        request = self._request(method, target, scope["headers"], _body(receive))
        response = await self._pool.handle_async_request(request)
        try:
            if asked is not None and method == "DELETE":
                await self._deleted(asked, generation, response, send)
            else:
                await _relay(response, send)
        finally:
            await response.aclose()

    async def close(self) -> None:
        """Close what connections are kept; in the event loop that served the requests."""
        await self._pool.aclose()

    def _request(
        self, method: str, target: str, headers: Headers, content: AsyncIterator[bytes] | None
    ) -> httpcore.Request:
        url = httpcore.URL(
            scheme=b"http", host=b"127.0.0.1", port=self._upstream, target=target.encode("latin-1")
        )
        kept = [
            (name, value)
            for name, value in headers
            if name not in HOP_BY_HOP or (name, value) == (b"transfer-encoding", b"chunked")
        ]
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), TIMEOUT_S)
        return httpcore.Request(
            method, url, headers=kept, content=content, extensions={"timeout": timeouts}
        )

    async def _generation(self, asked: ObjectRequest) -> int | None:
        """Return the generation of an object now; None if there is none."""
        headers = [(b"host", b"127.0.0.1")]
        request = self._request("GET", asked.metadata_path, headers, None)
        response = await self._pool.handle_async_request(request)
        try:
            body = await response.aread()
        finally:
            await response.aclose()
        return int(json.loads(body)["generation"]) if response.status == 200 else None  # noqa: PLR2004 - OK

    async def _deleted(
        self, asked: ObjectRequest, generation: int | None, response: httpcore.Response, send: Send
    ) -> None:
        """Answer a deletion as the real service does: without a body."""
        if response.status >= 300:  # noqa: PLR2004 - not a success
            await _relay(response, send)
            return
        await response.aread()
        self._audit.add("object_delete", asked.url, generation=generation)
        await _answer(send, 204, [], b"")


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if chunk := message.get("body", b""):
            yield chunk
        if not message.get("more_body"):
            return


async def _relay(response: httpcore.Response, send: Send) -> None:
    headers = [(name.lower(), value) for name, value in response.headers]
    kept = [(name, value) for name, value in headers if name not in HOP_BY_HOP]
    await send({"type": "http.response.start", "status": response.status, "headers": kept})
    async for chunk in response.aiter_stream():
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _answer(send: Send, status: int, headers: Headers, body: bytes) -> None:
    length = [] if status in (204, 304) else [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *length]})
    await send({"type": "http.response.body", "body": body})
