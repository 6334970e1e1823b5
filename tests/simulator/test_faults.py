from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from geesync.simulator.wire.faults import Faults
from geesync.simulator.wire.faulty_transport import FaultyTransport
from geesync.simulator.wire.serving import LoopbackServer

BODY = bytes(range(256)) * 1000


class Service:
    """Counts how often it did its work."""

    def __init__(self) -> None:
        self.done = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await Request(scope, receive).body()
        self.done += 1
        await Response(BODY)(scope, receive, send)


class Interrupted(Service):
    """Hears that its client is gone in the middle of a request."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.heard.set()


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def client(service: Service, faults: Faults) -> Iterator[httpx.Client]:
    with (
        LoopbackServer(FaultyTransport(service, faults, "storage")) as server,
        httpx.Client(base_url=server.url, timeout=5, trust_env=False) as client,
    ):
        yield client


def test_without_rules_nothing_is_touched(client: httpx.Client) -> None:
    assert client.get("/a").content == BODY


def test_an_error_can_be_answered_although_the_work_was_done(
    client: httpx.Client, faults: Faults, service: Service
) -> None:
    faults.add("replace_response", status=503)

    assert client.post("/a").status_code == 503
    assert service.done == 1
    assert client.post("/a").content == BODY


def test_the_account_can_change_between_two_requests(service: Service, faults: Faults) -> None:
    done: list[tuple[int, dict[str, str]]] = []

    def change(wishes: dict[str, str]) -> None:
        done.append((service.done, wishes))

    faults.add("change", path="page=2", change={"delete": "users/x/a"})
    app = FaultyTransport(service, faults, "earth_engine", change=change)
    with LoopbackServer(app) as server, httpx.Client(base_url=server.url) as client:
        for page in (1, 2, 3):
            client.get(f"/a?page={page}")

    assert done == [(1, {"delete": "users/x/a"})]


def test_a_rule_hits_the_nth_request_it_matches_and_counts(
    client: httpx.Client, faults: Faults
) -> None:
    rule = faults.add("status", method="GET", path="^/a$", skip=1, count=2, status=429)

    answers = [client.get(path).status_code for path in ("/a", "/b", "/a", "/a", "/a")]

    assert answers == [200, 200, 429, 429, 200]
    assert (rule.fired, rule.seen) == (2, 4)


def test_an_error_comes_in_googles_envelope_with_its_headers(
    client: httpx.Client, faults: Faults
) -> None:
    faults.add("status", status=503, headers={"Retry-After": "30"})

    answer = client.get("/a")

    assert answer.json()["error"]["status"] == "UNAVAILABLE"
    assert answer.headers["retry-after"] == "30"


def test_a_web_page_is_no_json(client: httpx.Client, faults: Faults) -> None:
    faults.add("html", status=502)

    answer = client.get("/a")

    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html")


def test_a_reset_comes_before_the_work(
    client: httpx.Client, faults: Faults, service: Service
) -> None:
    faults.add("reset")

    with pytest.raises(httpx.TransportError):
        client.post("/a", content=b"x" * 100_000)

    assert service.done == 0


def test_a_lost_answer_comes_after_the_work(
    client: httpx.Client, faults: Faults, service: Service
) -> None:
    faults.add("drop_response")

    with pytest.raises(httpx.TransportError):
        client.post("/a", content=b"x")

    assert service.done == 1


@pytest.mark.parametrize("after_bytes", [0, 1000, 200_000])
def test_a_truncated_body_arrives_up_to_the_cut(
    client: httpx.Client, faults: Faults, after_bytes: int
) -> None:
    faults.add("truncate", after_bytes=after_bytes)
    received = bytearray()

    def read(answer: httpx.Response) -> None:
        for part in answer.iter_raw():
            received.extend(part)

    with client.stream("GET", "/a") as answer, pytest.raises(httpx.RemoteProtocolError):
        read(answer)

    assert received == BODY[:after_bytes]


def test_a_corrupt_body_differs_in_one_byte(client: httpx.Client, faults: Faults) -> None:
    faults.add("corrupt", after_bytes=77)

    content = client.get("/a").content

    assert len(content) == len(BODY)
    assert [at for at, byte in enumerate(content) if byte != BODY[at]] == [77]


def test_a_stalled_body_ends_in_the_clients_time_out(client: httpx.Client, faults: Faults) -> None:
    faults.add("stall", after_bytes=10, seconds=60)

    with pytest.raises(httpx.ReadTimeout):
        client.get("/a", timeout=0.2)

    assert client.get("/a").content == BODY


def test_a_delay_only_delays(client: httpx.Client, faults: Faults) -> None:
    faults.add("delay", seconds=0.05)

    before = time.monotonic()
    answer = client.get("/a")

    assert answer.content == BODY
    assert time.monotonic() - before >= 0.05


def test_rules_are_for_their_server(client: httpx.Client, faults: Faults) -> None:
    rule = faults.add("reset", server="earth_engine")

    assert client.get("/a").status_code == 200
    assert rule.fired == 0


@pytest.mark.parametrize("knobs", [{"action": "explode"}, {"action": "reset", "colour": "red"}])
def test_an_unknown_rule_is_refused(faults: Faults, knobs: dict[str, str]) -> None:
    with pytest.raises((ValueError, TypeError)):
        faults.add(**knobs)  # type: ignore[arg-type] # that is the point


def test_a_client_that_dies_in_the_middle_of_a_request_is_no_error_of_ours(
    faults: Faults, caplog: pytest.LogCaptureFixture
) -> None:
    service = Interrupted()

    with LoopbackServer(FaultyTransport(service, faults, "storage")) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")
        assert service.heard.wait(5)

    assert service.done == 0
    assert caplog.records == []
