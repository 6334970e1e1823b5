"""Trouble between a server and the wire: puts the rules of ``faults`` into effect (ASGI)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.to_thread
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from geesync.simulator.refusals import STATUS_NAMES, TOO_MANY
from geesync.simulator.wire.faults import Fault, Faults

#: What a load balancer shows when the service behind it is away.
WEB_PAGE = "<!DOCTYPE html><html><title>Error</title><p>The server is having a bad day."

_BLANKS = 1024**2

#: An answer that is to be swapped waits so long for another one.
_SWAPPED_WITHIN_S = 5.0

#: Another source of trouble: (method, target) → a rule, asked if no scripted one matches.
Ambient = Callable[[str, str], Fault | None]
#: Changes the account as a rule says.
Change = Callable[[dict[str, Any]], None]


class ConnectionDropped(Exception):  # noqa: N818 - ends one request, by intent
    """The connection was cut by a rule; nothing more can be sent."""


@dataclass(frozen=True)
class _Unmatched:
    """An answer that is to be swapped, and the one that it is swapped for."""

    mine: list[Message]
    other: asyncio.Future[list[Message]]


class FaultyTransport:
    """ASGI middleware; must be the outermost one of a ``LoopbackServer``."""

    def __init__(
        self,
        app: ASGIApp,
        faults: Faults,
        server: str,
        ambient: Ambient | None = None,
        change: Change | None = None,
    ) -> None:
        self._app = app
        self._faults = faults
        self._server = server
        self._ambient = ambient
        self._change = change
        self._unmatched: _Unmatched | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or spoil it; one whose client is gone needs no answer."""
        with contextlib.suppress(ClientDisconnect):
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/-/"):
            await self._app(scope, receive, send)
            return
        fault = self._choose(scope)
        if fault is None:
            await self._app(scope, receive, send)
            return
        try:
            await self._spoil(fault, scope, receive, send)
        except ConnectionDropped:
            await _disconnected(receive)  # else the server would wonder where the answer is

    def _choose(self, scope: Scope) -> Fault | None:
        query = scope["query_string"].decode("latin-1")
        target = scope["path"] + (f"?{query}" if query else "")
        fault = self._faults.take(self._server, scope["method"], target)
        if fault is None and self._ambient is not None:
            fault = self._ambient(scope["method"], target)
        return fault

    async def _spoil(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        match fault.action:
            case "bomb" | "status" | "html":
                await _drain(receive)
                await _answer(fault, send)
            case "reset" if not fault.after_bytes:
                _cut(scope)
                raise ConnectionDropped
            case "ignore_range":
                await self._app(_without_range(scope), receive, send)
            case "change" if self._change is not None:
                await anyio.to_thread.run_sync(self._change, fault.change)
                await self._app(scope, receive, send)
            case "mix_up":
                names = fault.change["asset"], fault.change["for"]
                asked = {**scope, "path": scope["path"].replace(*names)}
                await self._app(asked, _renaming(receive, *names), send)
            case "swap":
                await self._swap(scope, receive, send)
            case "delay":
                await anyio.sleep(fault.seconds)
                await self._app(scope, receive, send)
            case _:
                await self._app(scope, receive, _Spoiler(fault, scope, receive, send))

    async def _swap(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Exchange two answers; one that no other request follows for a while is its own."""
        mine: list[Message] = []

        async def keep(message: Message) -> None:
            mine.append(message)

        await self._app(scope, receive, keep)
        partner, self._unmatched = self._unmatched, None
        told = mine
        if partner is not None:
            told = partner.mine
            partner.other.set_result(mine)
        else:
            waiting = self._unmatched = _Unmatched(mine, asyncio.get_running_loop().create_future())
            with anyio.move_on_after(_SWAPPED_WITHIN_S):
                told = await waiting.other
            self._unmatched = None if self._unmatched is waiting else self._unmatched
        for message in told:
            await send(message)


class _Spoiler:
    """A ``send`` that lets ``after_bytes`` of the body pass and then does its worst."""

    def __init__(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        self._fault = fault
        self._scope = scope
        self._receive = receive
        self._send = send
        self._left = fault.after_bytes

    async def __call__(self, message: Message) -> None:
        action = self._fault.action
        if action in ("drop_response", "replace_response"):
            # Only at the end of the answer is the work done for certain.
            if message["type"] == "http.response.body" and not message.get("more_body"):
                await self._lose()
        elif message["type"] != "http.response.body":
            await self._send(message)
        elif action == "corrupt":
            await self._corrupt(message)
        elif action == "trickle":
            await self._trickle(message)
        else:
            await self._break_off(message)

    async def _lose(self) -> None:
        if self._fault.action == "replace_response":
            await _answer(self._fault, self._send)
            return
        _cut(self._scope)
        raise ConnectionDropped

    async def _corrupt(self, message: Message) -> None:
        body, at = message.get("body", b""), self._left
        self._left -= len(body)
        if 0 <= at < len(body):
            body = body[:at] + bytes([body[at] ^ 0xFF]) + body[at + 1 :]
        await self._send({**message, "body": body})

    async def _trickle(self, message: Message) -> None:
        body, step = message.get("body", b""), self._fault.after_bytes
        for start in range(0, len(body), step):
            await anyio.sleep(self._fault.seconds)
            piece = {"body": body[start : start + step], "more_body": True}
            await self._send({**message, **piece})
        await self._send({**message, "body": b""})

    async def _break_off(self, message: Message) -> None:
        body = message.get("body", b"")
        if len(body) < self._left:
            self._left -= len(body)
            await self._send(message)
            return
        await self._send({**message, "body": body[: self._left], "more_body": True})
        if self._fault.action == "truncate":
            self._scope["state"]["transport"].close()  # what was sent arrives, then the end
        else:
            with anyio.move_on_after(self._fault.seconds):
                await _disconnected(self._receive)
            _cut(self._scope)
        raise ConnectionDropped


def _renaming(receive: Receive, name: str, other: str) -> Receive:
    """Return what a request says with an asset's name in place of another."""

    async def renamed() -> Message:
        body, message = b"", await receive()
        while message["type"] == "http.request":
            body += message.get("body", b"")
            if not message.get("more_body"):
                return {**message, "body": body.replace(name.encode(), other.encode())}
            message = await receive()
        return message

    return renamed


def _without_range(scope: Scope) -> Scope:
    headers = [(name, value) for name, value in scope["headers"] if name != b"range"]
    return {**scope, "headers": headers}


async def _disconnected(receive: Receive) -> None:
    """Return when the connection has ended."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _drain(receive: Receive) -> None:
    """Read the request's body, so that the connection can be used again."""
    while (await receive()).get("more_body"):
        pass


async def _answer(fault: Fault, send: Send) -> None:
    if fault.action == "bomb":
        await _bomb(fault, send)
        return
    if fault.action == "html":
        kind, text = "text/html", (fault.body or WEB_PAGE).replace("{fired}", str(fault.fired))
    else:
        name = STATUS_NAMES.get(fault.status, "UNKNOWN")
        error = {"code": fault.status, "message": fault.body or _saying(name), "status": name}
        kind, text = "application/json; charset=UTF-8", json.dumps({"error": error})
    body = text.encode()
    headers = {"content-type": kind, "content-length": str(len(body)), **fault.headers}
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": fault.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


async def _bomb(fault: Fault, send: Send) -> None:
    """Answer with blanks, of which gzip makes a thousandth."""
    packing = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)  # as gzip
    raw = [(b"content-type", b"application/json"), (b"content-encoding", b"gzip")]
    await send({"type": "http.response.start", "status": 200, "headers": raw})
    for _ in range(0, fault.after_bytes, _BLANKS):
        piece = packing.compress(b" " * _BLANKS) + packing.flush(zlib.Z_SYNC_FLUSH)
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": packing.compress(b"{}") + packing.flush()})


def _saying(status_name: str) -> str:
    """Return the words in which Earth Engine reports this kind of trouble."""
    return {
        "RESOURCE_EXHAUSTED": TOO_MANY,
        "UNAVAILABLE": "The service is currently unavailable.",
        "PERMISSION_DENIED": "The caller does not have permission",
        "UNAUTHENTICATED": "Request had invalid authentication credentials.",
    }.get(status_name, "An internal error has occurred.")


def _cut(scope: Scope) -> None:
    """Drop the connection with a TCP reset, as a dying peer or a middlebox does."""
    transport = scope["state"]["transport"]
    with contextlib.suppress(OSError):  # the client may be dead already
        transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
    transport.abort()
