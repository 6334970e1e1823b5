"""The way to the bucket: passes everything through unchanged, except what must be refused.

The Cloud Storage behind it ignores generation preconditions, and takes a question how far an upload
has come for its end; here both are as they are in the real service.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from urllib.parse import urlsplit

from starlette.types import Receive, Scope, Send

from geesync.simulator.storage.requests import (
    JSON_LISTING,
    ObjectRequest,
    asks_how_far,
    is_upload,
    object_request,
    refusal_body,
    within_page_limit,
)
from geesync.simulator.wire.audit import Audit
from geesync.simulator.wire.upstream import Answer, Headers, Upstream

#: They belong to one connection and are made anew for the next one.
HOP_BY_HOP = frozenset((b"connection", b"date", b"expect", b"keep-alive", b"transfer-encoding"))


#: Resume Incomplete: a piece came, and more is wanted.
_INCOMPLETE = 308


class StorageProxy:
    """ASGI application in front of a Cloud Storage on loopback.

    upstream: port of the Cloud Storage. audit: is told of every object deleted.
    """

    def __init__(self, upstream: int, audit: Audit) -> None:
        self._behind = Upstream(upstream)
        self._audit = audit
        self.lists_checksums = True  #: False: as for keys that who lists may not use
        self.tells_checksums = True  #: False: not even of an object that is asked for singly
        self.hidden: tuple[str, ...] = ("crc32c", "md5Hash")  #: which are not told then
        self._came: dict[str, bytes] = {}  #: of unfinished uploads, by address: which bytes came

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        method: str = scope["method"]
        path = scope["raw_path"].decode("latin-1")
        query = scope["query_string"].decode("latin-1")
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        asked = object_request(method, path, query, headers)
        generation: int | None = None
        if asked is not None and asked.may_change:
            generation = await self._generation(asked)
            if status := asked.refusal(generation):
                await _refuse(send, asked, status)
                return
        query = within_page_limit(method, path, query)
        target = f"{path}?{query}" if query else path
        passed = _to_pass_on(scope["headers"])
        is_piece = method == "PUT" and is_upload(path)
        if is_piece and asks_how_far(headers) and target in self._came:
            came = self._came[target]
            await _answer(send, _INCOMPLETE, [(b"range", came)] if came else [], b"")
            return
        async with self._behind.ask(method, target, passed, _body(receive)) as answer:
            if self._hides_checksums(method, path, query):
                await _relay_without(self.hidden, answer, send)
            elif asked is not None and asked.may_be_stale:
                await self._read(asked, answer, send)
            elif asked is not None and method == "DELETE":
                await self._deleted(asked, generation, answer, send)
            else:
                if is_upload(path):
                    self._note(target, answer, has_begun=method == "POST")
                await _relay(answer, send)

    def _hides_checksums(self, method: str, path: str, query: str) -> bool:
        if JSON_LISTING.fullmatch(path):
            return not (self.lists_checksums and self.tells_checksums)
        is_about = method == "GET" and "/o/" in path and "alt=media" not in query
        return is_about and not self.tells_checksums

    def _note(self, target: str, answer: Answer, *, has_begun: bool) -> None:
        """Remember how far an upload has come; of one that has begun nothing has."""
        told = dict(answer.headers)
        if has_begun and b"location" in told:
            address = urlsplit(told[b"location"].decode("latin-1"))
            self._came[f"{address.path}?{address.query}"] = b""
        elif answer.status == _INCOMPLETE:
            self._came[target] = told.get(b"range", b"")
        else:
            self._came.pop(target, None)

    async def close(self) -> None:
        """Close what connections are kept; in the event loop that served the requests."""
        await self._behind.close()

    async def _generation(self, asked: ObjectRequest) -> int | None:
        """Return the generation of an object now; None if there is none."""
        host = [(b"host", b"127.0.0.1")]
        async with self._behind.ask("GET", asked.metadata_path, host) as answer:
            body = await answer.read()
        return int(json.loads(body)["generation"]) if answer.status == 200 else None  # noqa: PLR2004 - OK

    async def _read(self, asked: ObjectRequest, answer: Answer, send: Send) -> None:
        """Pass an object on if it is the one that is meant: to have read it harms nothing."""
        told = dict(answer.headers).get(b"x-goog-generation")
        generation = int(told) if told else await self._generation(asked)
        if status := asked.refusal(generation):
            await _refuse(send, asked, status)
        else:
            await _relay(answer, send)

    async def _deleted(
        self, asked: ObjectRequest, generation: int | None, answer: Answer, send: Send
    ) -> None:
        """Answer a deletion as the real service does: without a body."""
        if answer.status >= 300:  # noqa: PLR2004 - not a success
            await _relay(answer, send)
            return
        await answer.read()
        self._audit.add("object_delete", asked.url, generation=generation)
        await _answer(send, 204, [], b"")


def _to_pass_on(headers: Headers) -> Headers:
    chunked = (b"transfer-encoding", b"chunked")
    return [header for header in headers if header[0] not in HOP_BY_HOP or header == chunked]


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if chunk := message.get("body", b""):
            yield chunk
        if not message.get("more_body"):
            return


async def _relay_without(hidden: Iterable[str], answer: Answer, send: Send) -> None:
    if answer.status != 200:  # noqa: PLR2004 - OK
        await _relay(answer, send)
        return
    told = json.loads(await answer.read())
    for item in (told, *told.get("items", ())):
        for name in hidden:
            item.pop(name, None)
    kind = [(b"content-type", b"application/json; charset=UTF-8")]
    await _answer(send, answer.status, kind, json.dumps(told).encode())


async def _relay(answer: Answer, send: Send) -> None:
    kept = [header for header in answer.headers if header[0] not in HOP_BY_HOP]
    await send({"type": "http.response.start", "status": answer.status, "headers": kept})
    async for piece in answer.pieces():
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _refuse(send: Send, asked: ObjectRequest, status: int) -> None:
    kind, body = refusal_body(asked, status)
    await _answer(send, status, [(b"content-type", kind.encode())], body)


async def _answer(send: Send, status: int, headers: Headers, body: bytes) -> None:
    length = [] if status in (204, 304) else [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *length]})
    await send({"type": "http.response.body", "body": body})
