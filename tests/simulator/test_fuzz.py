"""Whatever is asked, and however wrongly: an answer comes, and it is never an error of ours."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geesync.simulator import Simulator
from geesync.simulator.api.methods import METHODS, Method
from geesync.simulator.refusals import INTERNAL
from geesync.simulator.wire import tokens
from tests.simulator.conftest import ELEVATION
from tests.simulator.requests import BODIES, PROJECT, TABLE, drive_requests, requests


class Mistakes(logging.Handler):
    """Collects what the simulator has to say of its own mistakes."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.told.append(logging.Formatter().format(record))


@dataclass
class Victim:
    """A simulator that lives through all examples, with what they may refer to in it."""

    simulator: Simulator
    http: httpx.Client
    mistakes: Mistakes = field(default_factory=Mistakes)

    def prepare(self) -> None:
        """Write the files that imports read."""
        for kind, suffix in (("image", "a"), ("table", "a")):
            body = json.loads(json.dumps(BODIES[f"{kind}.export"]))
            body["fileExportOptions"]["cloudStorageDestination"]["filenamePrefix"] = suffix
            self.http.post(f"/v1/{PROJECT}/{kind}:export", json=body).raise_for_status()

    def fill_the_drive(self) -> None:
        """Have a file in a folder of the drive."""
        if self.simulator.drive.used_bytes(tokens.principal({})) == 0:
            body = json.loads(json.dumps(BODIES["table.export"]))
            del body["fileExportOptions"]["cloudStorageDestination"]
            drive = {"folder": "exports", "filenamePrefix": "out"}
            body["fileExportOptions"]["driveDestination"] = drive
            self.http.post(f"/v1/{PROJECT}/table:export", json=body).raise_for_status()
            self.simulator.advance(60)

    def mend(self) -> None:
        """Put back what the example before may have deleted or changed."""
        for name in (ELEVATION, TABLE):
            asset = self.simulator.world.scenario.find(name)
            assert asset is not None
            self.simulator.world.put(asset)


@pytest.fixture(scope="module")
def victim() -> Iterator[Victim]:
    logger = logging.getLogger("geesync.simulator")
    with Simulator("small") as simulator, httpx.Client(base_url=simulator.earth_engine_url) as http:
        victim = Victim(simulator, http)
        logger.addHandler(victim.mistakes)
        victim.prepare()
        yield victim
    logger.removeHandler(victim.mistakes)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.id)
@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_request_is_answered_with_an_error_of_the_server(
    victim: Victim, method: Method, data: st.DataObject
) -> None:
    victim.mend()
    path, query, body = data.draw(requests(method))

    answer = victim.http.request(
        method.http,
        f"/v1/{quote(path, safe='/:')}",
        params=query,
        content=json.dumps(body) if method.body else None,
    )
    victim.simulator.advance(60)

    assert answer.status_code < 500, answer.text
    assert not victim.mistakes.told, victim.mistakes.told.pop()
    failed = [operation.error or (0, "") for operation in victim.simulator.operations.all()]
    assert not [message for code, message in failed if code == INTERNAL]


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_request_to_drive_is_answered_with_an_error_of_the_server(
    victim: Victim, data: st.DataObject
) -> None:
    victim.fill_the_drive()
    files = victim.http.get("/drive/v3/files").json()["files"]
    method, path, query, headers = data.draw(drive_requests([file["id"] for file in files]))

    answer = victim.http.request(
        method, f"/drive/v3/{quote(path, safe='/')}", params=query, headers=headers
    )

    assert answer.status_code < 500, answer.text
    assert not victim.mistakes.told, victim.mistakes.told.pop()
