"""Cloud Storage's batch requests: several requests in the parts of one, and so the answers."""

from __future__ import annotations

import email.message
from http import HTTPStatus
from urllib.parse import unquote, urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from geesync.simulator.wire.upstream import Headers

BATCH_PATH = "/batch/storage/v1"
BOUNDARY = "batch_of_answers"


class BatchRequests:
    """ASGI middleware: takes batches apart, so that the application sees single requests.

    parts: answers the parts of batches; only with answers, since a part has no connection to drop.
    """

    def __init__(self, app: ASGIApp, parts: ASGIApp) -> None:
        self._app = app
        self._of_parts = parts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, whether a batch or not."""
        if scope["path"] != BATCH_PATH:
            await self._app(scope, receive, send)
            return
        parts = _parts(scope, await _whole_body(receive))
        answers = [await self._answer(scope, *part) for part in parts]
        body = b"".join([*answers, f"--{BOUNDARY}--\r\n".encode()])
        kind = f'multipart/mixed; boundary="{BOUNDARY}"'.encode()
        headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": HTTPStatus.OK, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(self, scope: Scope, content_id: str, part: bytes) -> bytes:
        """Return the answer to one request of a batch, as a part of the batch's answer."""
        request, content = _request(scope, part)
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        await self._of_parts(request, receive, send)
        status = HTTPStatus(sent[0]["status"])
        body = b"".join(message.get("body", b"") for message in sent[1:])
        head = [
            f"--{BOUNDARY}",
            "Content-Type: application/http",
            f"Content-ID: {content_id.replace('<', '<response-', 1)}",
            "",
            f"HTTP/1.1 {status.value} {status.phrase}",
            "Content-Type: application/json; charset=UTF-8",
            f"Content-Length: {len(body)}",
            "",
            "",
        ]
        return "\r\n".join(head).encode() + body + b"\r\n"


def _parts(scope: Scope, body: bytes) -> list[tuple[str, bytes]]:
    """Return (Content-ID, request) of the parts of a batch's body."""
    kind = email.message.Message()
    kind["Content-Type"] = dict(scope["headers"]).get(b"content-type", b"").decode("latin-1")
    boundary = kind.get_boundary()
    if boundary is None:
        return []
    # A general parser of mail would take longer over a part than the bucket over its answer.
    lines = b"\n" + body.replace(b"\r\n", b"\n")
    parts = lines.split(b"\n--" + boundary.encode())
    found = []
    for part in parts[1:-1]:
        head, _, request = part.partition(b"\n\n")
        found.append((dict(_headers(head)).get(b"content-id", b"<>").decode("latin-1"), request))
    return found


def _headers(lines: bytes) -> Headers:
    pairs = (line.partition(b":") for line in lines.splitlines() if b":" in line)
    return [(name.strip().lower(), value.strip()) for name, _, value in pairs]


def _request(scope: Scope, text: bytes) -> tuple[Scope, bytes]:
    """Return (scope, body) of the request that is the text of a part."""
    head, _, content = text.lstrip().partition(b"\n\n")
    first, _, rest = head.partition(b"\n")
    method, url, _ = first.decode("latin-1").split(" ", 2)
    target = urlsplit(url)
    host = [(k, v) for k, v in scope["headers"] if k == b"host"]
    return {
        **scope,
        "method": method,
        "path": unquote(target.path),
        "raw_path": target.path.encode("latin-1"),
        "query_string": target.query.encode("latin-1"),
        "headers": [*(pair for pair in _headers(rest) if pair[0] != b"host"), *host],
    }, content


async def _whole_body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body
