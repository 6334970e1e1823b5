"""The status page: read-only, from the ledger alone; it could be deleted and nothing would change.

Nothing on it comes from another host, nothing in it is inline, and only GET and HEAD are answered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
)
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from geesync import __version__
from geesync.domain.assets.footprint import Box
from geesync.domain.assets.names import candidates
from geesync.domain.messages.words import printable
from geesync.domain.mirror.lifecycle import State
from geesync.domain.state_machine import MAX_TRIES
from geesync.errors import Cause, GeesyncError, UserError
from geesync.steps.mirrors import Mirrors
from geesync.steps.step import utc_now
from geesync.store.browsing import assets as asset_views
from geesync.store.browsing import pages as browsing
from geesync.store.browsing.documents import status_document
from geesync.store.views import status as views
from geesync.web import quicklooks, worldmap
from geesync.web.health import complaints
from geesync.web.metrics import exposition
from geesync.web.overview import overview
from geesync.web.wording import FILTERS, placed

_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self';"
        " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}


#: SQLite's have up to 63 bits.
_LONGEST_NUMBER = 18


def _number(text: str) -> int | None:
    """Return the number of a row, None for what no row can have."""
    return int(text) if text.isdecimal() and len(text) <= _LONGEST_NUMBER else None


@dataclass(frozen=True)
class Pages:
    """Answers requests from one ledger."""

    ledger: Path
    clock: Callable[[], datetime]
    templates: Environment

    def overview(self, request: Request) -> Response:
        """Return the first page."""
        now = self.clock()
        status = self._status()
        query = request.query_params
        page = overview(self.ledger, status, now, query.get("span", ""), query.get("map", ""))
        return self._page("overview.html", here="overview", status=status, **page)

    def assets(self, request: Request) -> Response:
        """Return a page of assets; an asset's id or link in the search leads to it."""
        query = request.query_params
        wanted = browsing.Wanted(
            **{field.name: query.get(field.name, "")[:500] for field in fields(browsing.Wanted)}
        )
        exact = self._exact(wanted.text)
        if exact:
            return RedirectResponse("/asset?" + urlencode({"name": exact}))
        after = query.get("after", "0")
        page = browsing.page(self.ledger, wanted, after=_number(after) or 0)
        asked = {name: value for name, value in vars(wanted).items() if value}
        following = page.following and "/assets?" + urlencode(asked | {"after": page.following})
        return self._page(
            "assets.html",
            here="assets",
            states=list(State),
            causes=list(Cause),
            wanted=wanted,
            page=page,
            most=browsing.COUNTED,
            first=None if after == "0" else "/assets?" + urlencode(asked),
            following=following,
        )

    def _exact(self, text: str) -> str | None:
        try:
            names = candidates(text)
        except UserError:
            return None
        return next((name for name in names if views.is_known(self.ledger, name)), None)

    def asset(self, request: Request) -> Response:
        """Return one asset with everything that is known of it."""
        name = request.query_params.get("name", "")
        asset = asset_views.show(self.ledger, name, Mirrors(self.ledger).trouble)
        if asset is None:
            raise HTTPException(404, "No such asset in the ledger.")
        picture = browsing.picture(self.ledger, asset["id"])
        if picture and not all(file.is_file() for file in picture.places):
            picture = None
        return self._page(
            "asset.html",
            here="assets",
            asset=asset,
            picture=picture,
            tries=MAX_TRIES,
            **_place(asset),
        )

    def quicklook(self, request: Request) -> Response:
        """Return the quick-look of a verified image."""
        number = _number(request.path_params["asset_id"])
        picture = None if number is None else quicklooks.find(self.ledger, number)
        if picture is None:
            raise HTTPException(404, "No quick-look of this asset.")
        # The address changes with the revision.
        lasting = {"cache-control": "private, max-age=86400"}
        return Response(picture, media_type="image/png", headers=lasting)

    def status(self, _request: Request) -> Response:
        """Return how it stands, for machines."""
        return JSONResponse(status_document(self._status()))

    def metrics(self, _request: Request) -> Response:
        """Return the metrics for Prometheus."""
        kind = "text/plain; version=0.0.4; charset=utf-8"
        return Response(exposition(self.ledger, self.clock()), media_type=kind)

    def health(self, _request: Request) -> Response:
        """Return whether the service is well."""
        wrong = complaints(self.ledger, self.clock())
        return PlainTextResponse("\n".join(wrong or ["ok"]) + "\n", 503 if wrong else 200)

    def trouble(self, _request: Request, error: Exception) -> Response:
        """Return what is wrong with a request, as a page."""
        assert isinstance(error, HTTPException)
        titles = {404: "Not here", 405: "This page only tells"}
        title = titles.get(error.status_code, "That did not work")
        page = self._page("trouble.html", here="", title=title, text=error.detail)
        page.status_code = error.status_code
        page.headers.update(error.headers or {})
        return page

    def away(self, _request: Request, error: Exception) -> Response:
        """Return why there is no page: the ledger cannot be read."""
        return PlainTextResponse(f"{printable(str(error))}\n", 503)

    def _status(self) -> views.Status:
        return views.status(self.ledger, now=self.clock(), trouble=Mirrors(self.ledger).trouble)

    def _page(self, template: str, status: views.Status | None = None, **values: Any) -> Response:
        now = self.clock()
        status = status or self._status()
        common = {"status": status, "now": now, "version": __version__, "land": worldmap.land()}
        page = self.templates.get_template(template)
        return HTMLResponse(page.render(common | values))


def _place(asset: dict[str, Any]) -> dict[str, Any]:
    if asset["west"] is None:
        return {"map": None}
    box = Box(asset["west"], asset["south"], asset["east"], asset["north"])
    spot = browsing.Spot(box, {asset["state"]: 1}, asset["name"])
    return {"map": worldmap.draw([spot], whole=False), "where": placed(box)}


def build(
    ledger: Path, *, hosts: Sequence[str], clock: Callable[[], datetime] = utc_now
) -> Starlette:
    """Return the application.

    hosts: names under which it may be asked for; any other is a page of somebody else's in the
    reader's browser (DNS rebinding), and is refused. "*" allows all.
    """
    templates = Environment(
        loader=PackageLoader("geesync.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(FILTERS)
    pages = Pages(ledger, clock, templates)
    return Starlette(
        routes=[
            Route("/", pages.overview, methods=["GET"]),
            Route("/assets", pages.assets, methods=["GET"]),
            Route("/asset", pages.asset, methods=["GET"]),
            Route("/quicklook/{asset_id}.png", pages.quicklook, methods=["GET"]),
            Route("/status.json", pages.status, methods=["GET"]),
            Route("/metrics", pages.metrics, methods=["GET"]),
            Route("/healthz", pages.health, methods=["GET"]),
            Mount("/static", StaticFiles(packages=[("geesync.web", "static")])),
        ],
        middleware=[
            Middleware(_Headers),
            Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False),
        ],
        exception_handlers={HTTPException: pages.trouble, GeesyncError: pages.away},
    )


class _Headers:
    """Adds to every answer what a browser is to refuse."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name for name, _ in message["headers"]}
                message["headers"] += [
                    (name.encode(), value.encode())
                    for name, value in _HEADERS.items()
                    if name.encode() not in given
                ]
            await send(message)

        await self._app(scope, receive, sealed)
