"""The simulated Earth Engine as an ASGI application: from a request on the wire to its answer."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from geesync.simulator.api.discovery import algorithms, discovery_document
from geesync.simulator.api.methods import COMMON_QUERY, METHODS, Method
from geesync.simulator.api.service import Call, Content, Handler, Service
from geesync.simulator.assets import asset_methods, external_images, listing, policy_methods
from geesync.simulator.direct import (
    download_methods,
    feature_methods,
    image_methods,
    pixel_methods,
    value_methods,
)
from geesync.simulator.exports import exporting
from geesync.simulator.ingestion import importing
from geesync.simulator.messages.json_text import read_json
from geesync.simulator.messages.reading import parse, unknown_query
from geesync.simulator.refusals import STATUS_NAMES, TOO_MANY, BadRequest, CallRefused, NotSimulated
from geesync.simulator.tasks import operation_methods
from geesync.simulator.wire import tokens
from geesync.simulator.world.pixels import Json

MOST_BYTES = 10_485_760  #: of a request's body
JSON_TYPE = "application/json; charset=UTF-8"
VERSIONS = re.compile("/v1(?:alpha|beta)?/")
QUOTA_HEADER = "x-earth-engine-quota-status"
#: How the paths end of calls that compute while the client waits.
DIRECT = (
    ":getPixels",
    ":computePixels",
    ":listFeatures",
    ":computeFeatures",
    ":computeImages",
    ":compute",
)

log = logging.getLogger(__name__)

HANDLERS: dict[str, Handler] = {
    "getConfig": operation_methods.get_config,
    "updateConfig": operation_methods.update_config,
    "listAssets": listing.list_assets,
    "assets.listAssets": listing.list_assets,
    "assets.get": asset_methods.get_asset,
    "assets.create": asset_methods.create_asset,
    "assets.patch": asset_methods.patch_asset,
    "assets.delete": asset_methods.delete_asset,
    "assets.copy": asset_methods.copy_asset,
    "assets.move": asset_methods.move_asset,
    "assets.getPixels": pixel_methods.get_pixels,
    "assets.listFeatures": feature_methods.list_features,
    "assets.getIamPolicy": policy_methods.get_policy,
    "assets.setIamPolicy": policy_methods.set_policy,
    "assets.testIamPermissions": policy_methods.test_permissions,
    "image.export": exporting.export_image,
    "table.export": exporting.export_table,
    "image.import": importing.import_image,
    "image.computePixels": pixel_methods.compute_pixels,
    "image.importExternal": external_images.import_external_image,
    "table.import": importing.import_table,
    "table.computeFeatures": feature_methods.compute_features,
    "imageCollection.computeImages": image_methods.compute_images,
    "thumbnails.create": download_methods.create_download,
    "thumbnails.getPixels": download_methods.get_download,
    "value.compute": value_methods.compute_value,
    "operations.list": operation_methods.list_operations,
    "operations.get": operation_methods.get_operation,
    "operations.wait": operation_methods.get_operation,
    "operations.cancel": operation_methods.cancel_operation,
    "operations.delete": operation_methods.delete_operation,
}

ROUTES: list[tuple[Method, re.Pattern[str]]] = [(method, method.route) for method in METHODS]


@dataclass(frozen=True)
class Wire:
    """A request as it came, body and all."""

    method: str
    path: str  #: decoded
    query: list[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes
    root_url: str  #: what the client put before the path


class EarthEngine:
    """ASGI application; calls are answered in threads, so that a slow one holds up no other."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._algorithms = algorithms()
        self._in_flight = {True: 0, False: 0}  #: calls, by whether they compute

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        wire = await _read(request)
        direct = wire.path.endswith(DIRECT)
        self._in_flight[direct] += 1
        try:
            response = await self._respond_in_time(wire, direct=direct)
        finally:
            self._in_flight[direct] -= 1
        if self._service.profile.restricted:
            response.headers[QUOTA_HEADER] = "parallelism_restricted=true"
        await response(scope, receive, send)

    async def _respond_in_time(self, wire: Wire, *, direct: bool) -> Response:
        profile = self._service.profile
        too_many = sum(self._in_flight.values()) > profile.calls_at_once
        if too_many or (direct and self._in_flight[direct] > profile.direct_at_once):
            return error_response(CallRefused(429, TOO_MANY))
        if latency_s := profile.latency_s + profile.direct_s * direct:
            await asyncio.sleep(latency_s)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, self._respond, wire)

    def _respond(self, wire: Wire) -> Response:
        try:
            answer = self._answer(wire)
        except CallRefused as refusal:
            return error_response(refusal)
        except Exception:  # a mistake of the simulator's own, which the next call must not meet
            log.exception("a call to the simulator failed by a mistake of its own")
            return error_response(CallRefused(500, "Internal error."))
        if isinstance(answer, Content):
            return Response(answer.body, media_type=answer.media_type)
        # A page of a thousand images is most of the time spent on the text of it.
        return Response(to_json(answer, inf_nan_mode="constants"), media_type=JSON_TYPE)

    def _answer(self, wire: Wire) -> Json | Content:
        # A base URL may carry a path of its own in front; and some clients name an older version.
        prefix, *versioned = VERSIONS.split(wire.path, maxsplit=1)
        if versioned:
            return self._call(wire, *versioned)
        if wire.path.endswith("/$discovery/rest"):
            prefix = wire.path.removesuffix("/$discovery/rest")
            return discovery_document(f"{wire.root_url}{prefix}/")
        if prefix.endswith("/token"):
            return tokens.issue(wire.body)
        raise CallRefused(404, f"The requested URL {wire.path} was not found on this server.")

    def _call(self, wire: Wire, resource: str) -> Json | Content:
        if len(wire.body) > MOST_BYTES:
            raise BadRequest(f"Request payload size exceeds the limit: {MOST_BYTES} bytes.")
        method, name = _route(wire, resource)
        query = dict(wire.query)
        for key in query:
            if key not in COMMON_QUERY and key not in method.query:
                raise unknown_query(key)
        call = Call(method, name, tokens.principal(wire.headers), query, _body(method, wire.body))
        if method.id == "algorithms.list":
            return self._list_algorithms()
        handler = HANDLERS.get(method.id)
        if handler is None:
            raise NotSimulated(f"The simulator does not have {method.id}.")
        return handler(self._service, call)

    def _list_algorithms(self) -> Content:
        match self._service.profile.algorithms:
            case "empty":
                return Content(b"{}", JSON_TYPE)
            case "forbidden":
                raise CallRefused(403, "Not signed up for Earth Engine or project is not set.")
            case "slow":
                time.sleep(self._service.profile.algorithms_delay_s)
        return Content(self._algorithms, JSON_TYPE)


def error_response(refusal: CallRefused) -> Response:
    """Return Google's error envelope."""
    error: dict[str, Any] = {
        "code": refusal.status,
        "message": refusal.message,
        "status": STATUS_NAMES.get(refusal.status, "UNKNOWN"),
    }
    body = json.dumps({"error": error}).encode()
    return Response(body, status_code=refusal.status, media_type=JSON_TYPE)


async def _read(request: Request) -> Wire:
    """Return the request; a GET too long for a URL comes as a POST with its query as body."""
    body = bytearray()
    async for piece in request.stream():
        body += piece[: MOST_BYTES + 1 - len(body)]  # what is beyond is refused, not kept
    method, query = request.method, request.query_params.multi_items()
    override = request.headers.get("x-http-method-override")
    if override:
        method, query = override, [*query, *parse_qsl(body.decode(errors="replace"))]
        body.clear()
    root_url = f"{request.scope['scheme']}://{request.headers.get('host', '')}"
    return Wire(method, request.scope["path"], query, request.headers, bytes(body), root_url)


def _route(wire: Wire, resource: str) -> tuple[Method, str]:
    resource = resource.rstrip("/")
    for method, route in ROUTES:
        match = route.fullmatch(resource) if method.http == wire.method else None
        if match is not None:
            return method, match[1].rstrip("/")
    raise CallRefused(404, f"Method not found: {wire.method} {wire.path}")


def _body(method: Method, raw: bytes) -> Json:
    if method.body is None:
        return {}
    return parse(method.body, read_json(raw or b"{}"))
