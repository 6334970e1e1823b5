"""``drive/v3``: files listed, described, fetched in ranges, and deleted."""

from __future__ import annotations

import re
import time
from collections import defaultdict, deque
from http import HTTPStatus
from typing import Any

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from geesync.simulator.drive.files import Drive, DriveFile
from geesync.simulator.drive.queries import page, read_query, wanted_fields
from geesync.simulator.profiles import Profile
from geesync.simulator.refusals import BadRequest, CallRefused
from geesync.simulator.wire import tokens
from geesync.simulator.world.pixels import Json

FILES = re.compile(r"/drive/v3/files(?:/([^/]+))?")
ABOUT = "/drive/v3/about"
#: What a listing may be asked with; of those behind the fields, this drive has one kind only.
LISTED_BY = {"q", "pageSize", "pageToken", "fields"}
LISTED_BY |= {"alt", "prettyPrint", "key", "quotaUser", "spaces", "corpora"}
LISTED_BY |= {"supportsAllDrives", "includeItemsFromAllDrives"}
MOST_A_PAGE, PAGE = 1000, 100
RANGE = re.compile(r"bytes=(\d{1,18})-(\d{1,18})?")
REASONS = {400: "invalid", 403: "userRateLimitExceeded", 404: "notFound", 429: "rateLimitExceeded"}
TOO_MANY = "User rate limit exceeded."


class DriveApi:
    """ASGI middleware that answers ``/drive/v3/…`` itself and passes everything else on."""

    def __init__(self, app: ASGIApp, drive: Drive, profile: Profile) -> None:
        self._app = app
        self._drive = drive
        self._profile = profile
        self._recent: defaultdict[str, deque[float]] = defaultdict(deque)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if not scope["path"].startswith("/drive/v3/"):
            await self._app(scope, receive, send)
            return
        response = await anyio.to_thread.run_sync(self._respond, Request(scope, receive))
        await response(scope, receive, send)

    def _respond(self, request: Request) -> Response:
        owner = tokens.principal(request.headers)
        try:
            self._check(owner)
            return self._answer(request, owner)
        except CallRefused as refusal:
            detail = {"message": refusal.message, "domain": "global"}
            detail["reason"] = REASONS.get(refusal.status, "badRequest")
            error = {"code": refusal.status, "message": refusal.message, "errors": [detail]}
            return JSONResponse({"error": error}, refusal.status)

    def _check(self, owner: str) -> None:
        if not self._profile.drive_scope:
            raise CallRefused(403, "Request had insufficient authentication scopes.")
        recent, now = self._recent[owner], time.monotonic()
        while recent and recent[0] <= now - 1:
            recent.popleft()
        recent.append(now)
        if len(recent) > self._profile.drive_calls_per_s:
            raise CallRefused(self._profile.drive_refusal_status, TOO_MANY)

    def _answer(self, request: Request, owner: str) -> Response:
        path, asked = request.url.path, dict(request.query_params)
        if path == ABOUT and request.method == "GET":
            if not asked.get("fields"):
                raise BadRequest("The 'fields' parameter is required for this method.")
            return JSONResponse(self._about(owner))
        found = FILES.fullmatch(path)
        if found is None or request.method not in ("GET", "DELETE"):
            raise CallRefused(404, f"The simulator does not have {request.method} {path}.")
        if found[1] is None:
            return JSONResponse(self._list(owner, asked))
        file = self._drive.find(owner, found[1])
        if file is None:
            raise CallRefused(404, f"File not found: {found[1]}.")
        if request.method == "DELETE":
            self._drive.delete(file)
            return Response(status_code=HTTPStatus.NO_CONTENT)
        if asked.get("alt") == "media":
            return _content(file, request.headers.get("range", ""))
        return JSONResponse(wanted_fields(asked.get("fields", ""))(file.as_json()))

    def _list(self, owner: str, asked: dict[str, Any]) -> Json:
        size = asked.get("pageSize", str(PAGE))
        if re.fullmatch(r"[0-9]{1,4}", size) is None or not 0 < int(size) <= MOST_A_PAGE:
            raise BadRequest(f"Invalid value '{size}'. Values must be within the range: [1, 1000]")
        for name in asked.keys() - LISTED_BY:
            raise BadRequest(f"The simulator does not have files.list with {name}.")
        test = read_query(asked.get("q", ""))
        matching = [file for file in self._drive.files(owner) if test(file)]
        shown, following = page(matching, int(size), asked.get("pageToken", ""))
        cut = wanted_fields(asked.get("fields", ""), within="files")
        answer: Json = {"files": [cut(file.as_json()) for file in shown]}
        if following:
            answer["nextPageToken"] = following
        return answer

    def _about(self, owner: str) -> Json:
        room, used = self._profile.drive_bytes, self._drive.used_bytes(owner)
        return {"storageQuota": {"limit": str(room), "usage": str(used)}}


def _content(file: DriveFile, asked: str) -> Response:
    """Return the bytes of a file, all or those of one range."""
    if file.content is None:
        raise CallRefused(403, "Only files with binary content can be downloaded.")
    content = file.content.read_bytes()
    found = RANGE.fullmatch(asked)
    if found is None:
        return Response(content, media_type=file.kind)
    first, last = int(found[1]), min(int(found[2] or len(content)), len(content) - 1)
    if first > last:
        return Response(status_code=416, headers={"content-range": f"bytes */{len(content)}"})
    headers = {"content-range": f"bytes {first}-{last}/{len(content)}"}
    return Response(content[first : last + 1], 206, headers, file.kind)
