"""The control API under ``/-/``: what a test does to a simulator in another process."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from geesync.simulator.api.service import Service
from geesync.simulator.clock import rfc3339
from geesync.simulator.refusals import BadRequest, CallRefused
from geesync.simulator.tasks.operation import operation_json
from geesync.simulator.wire.faults import KNOBS, Faults
from geesync.simulator.world.pixels import Json
from geesync.simulator.world.world_script import change

#: What wishes that cannot be granted raise.
MISTAKEN = (ValueError, TypeError, LookupError, ArithmeticError, re.error)

Do = Callable[[Json], Any]


class Control:
    """ASGI middleware that answers ``/-/…`` itself and passes everything else on."""

    def __init__(self, app: ASGIApp, service: Service, faults: Faults, about: Json) -> None:
        self._app = app
        self._service = service
        self._faults = faults
        self._about = about
        self._doors: dict[tuple[str, str], Do] = {
            ("GET", "/-/clock"): self._read_clock,
            ("POST", "/-/clock"): self._advance,
            ("GET", "/-/audit"): self._read_audit,
            ("GET", "/-/faults"): lambda _: {"faults": faults.as_json()},
            ("POST", "/-/faults"): self._add_fault,
            ("DELETE", "/-/faults"): self._clear_faults,
            ("POST", "/-/world"): self._change_world,
            ("POST", "/-/operations"): self._change_operations,
            ("GET", "/-/state"): self._read_state,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if not scope["path"].startswith("/-/"):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        body = await request.body()
        response = await anyio.to_thread.run_sync(self._respond, request, body)
        await response(scope, receive, send)

    def _respond(self, request: Request, body: bytes) -> JSONResponse:
        do = self._doors.get((request.method, request.url.path))
        if do is None:
            return JSONResponse({"error": f"no such control; there are {self._known()}"}, 404)
        try:
            wishes = dict(json.loads(body) if body else request.query_params)
            return JSONResponse(do(wishes))
        except (CallRefused, *MISTAKEN) as error:
            return JSONResponse({"error": f"{type(error).__name__}: {error}"}, 400)

    def _known(self) -> str:
        return ", ".join(" ".join(door) for door in self._doors)

    def _read_clock(self, _: Json) -> Json:
        return {"now": rfc3339(self._service.clock.now()), "speed": self._service.clock.speed}

    def _advance(self, wishes: Json) -> Json:
        self._service.clock.advance(float(wishes["advance_s"]))
        self._service.operations.settle()
        return self._read_clock({})

    def _read_audit(self, wishes: Json) -> Json:
        records = self._service.audit.records(wishes.get("kind"), wishes.get("target"))
        return {"records": [asdict(record) for record in records]}

    def _add_fault(self, wishes: Json) -> Json:
        unknown = set(wishes) - KNOBS
        if unknown:
            raise BadRequest(f"unknown knobs: {', '.join(sorted(unknown))}")
        return asdict(self._faults.add(**wishes))

    def _clear_faults(self, _: Json) -> Json:
        self._faults.clear()
        return {}

    def _change_world(self, wishes: Json) -> Json:
        """Change the account; see ``world_script``."""
        change(self._service.world, wishes)
        return {}

    def _change_operations(self, wishes: Json) -> Json:
        """Do ``{"foreign": N, "run_s": …}`` or ``{"fail": pattern, "code": …, "message": …}``."""
        operations = self._service.operations
        match wishes:
            case {"foreign": int(count), **how}:
                how.setdefault("project", self._service.world.scenario.project)
                operations.start_foreign(count, **how)
            case {"fail": str(pattern), "code": int(code), "message": str(message), **how}:
                operations.fail(pattern, code, message, **how)
            case _:
                raise BadRequest("one of foreign, fail is needed")
        return {}

    def _read_state(self, _: Json) -> Json:
        now = self._service.clock.now()
        operations = [operation_json(op, now) for op in self._service.operations.all()]
        return {**self._about, **self._read_clock({}), "operations": operations}
