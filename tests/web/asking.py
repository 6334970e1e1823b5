"""Asks an application as a browser would, without a network."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import httpx
from starlette.applications import Starlette


@dataclass
class Asking:
    """A client of one application."""

    app: Starlette
    host: str = "http://localhost"

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.request("GET", path, **more)

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url=self.host) as client:
                return await client.request(method, path, **more)

        return asyncio.run(ask())
