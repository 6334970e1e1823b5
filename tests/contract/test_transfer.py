"""What the byte path promises whatever the server does: an end, and the right cause."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials

from geesync.adapters.google.credentials import find_credentials
from geesync.adapters.storage.bucket import Storage
from geesync.adapters.transfer.curl_loop import run
from geesync.domain.mirror.coverage import StoredObject
from geesync.errors import Cause, RemoteError
from geesync.simulator.simulator import Simulator
from tests.contract.conftest import Put, patient
from tests.live.account import Account

CONTENT = bytes(range(256)) * 8_000  # 2 MB

pytestmark = pytest.mark.costs(megabytes=5)


def storage_of(simulator: Simulator, **given: Any) -> Storage:
    told = {"credentials": AnonymousCredentials(), "timeout_s": 30, **given}
    return Storage(project=simulator.project, pacer=patient(1), url=simulator.storage_url, **told)


def fetch(
    client: Storage,
    simulator: Simulator,
    obj: StoredObject,
    stopping: Callable[[], bool] = lambda: False,
) -> bytes:
    sink = io.BytesIO()
    run([client.fetch(simulator.bucket, obj, sink, start=0)], stopping=stopping)
    return sink.getvalue()


def refused(
    client: Storage,
    simulator: Simulator,
    obj: StoredObject,
    stopping: Callable[[], bool] = lambda: False,
) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        fetch(client, simulator, obj, stopping)
    return caught.value


def test_a_transfer_in_silence_ends_when_the_program_does(simulator: Simulator, put: Put) -> None:
    obj = put("silent/a.tif", CONTENT)
    simulator.faults.add("stall", path="a.tif.*alt=media", after_bytes=100, seconds=60, count=1)
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()

    began = time.monotonic()
    error = refused(storage_of(simulator), simulator, obj, stop.is_set)

    assert (error.cause, str(error)) == (Cause.TRANSIENT, "stopped")
    assert time.monotonic() - began < 10


def test_a_server_that_falls_silent_is_left(simulator: Simulator, put: Put) -> None:
    obj = put("left/a.tif", CONTENT)
    simulator.faults.add(
        "stall", path="left/a.tif.*alt=media", after_bytes=100, seconds=60, count=1
    )

    began = time.monotonic()
    error = refused(storage_of(simulator, timeout_s=1), simulator, obj)

    assert error.cause == Cause.TRANSIENT
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (302, Cause.TRANSIENT),
        (403, Cause.PERMISSION),
        (404, Cause.GONE),
        (429, Cause.TRANSIENT),
        (503, Cause.TRANSIENT),
    ],
)
def test_a_refusal_is_classed_and_its_words_are_not_content(
    simulator: Simulator, put: Put, status: int, cause: Cause
) -> None:
    obj = put("refusal/a.tif", CONTENT)
    simulator.faults.add(
        "status",
        path="refusal/a.tif.*alt=media",
        status=status,
        count=1,
        body="words " * 2000,
        headers={"Retry-After": "7"},
    )

    error = refused(storage_of(simulator), simulator, obj)

    assert (error.cause, error.status, error.retry_after_s) == (cause, status, 7.0)
    assert "words" in str(error)


def test_a_token_that_was_withdrawn_is_renewed_once(
    simulator: Simulator, put: Put, tmp_path: Any
) -> None:
    obj = put("token/a.tif", CONTENT)
    key = simulator.write_credentials(tmp_path / "key.json")
    client = storage_of(simulator, credentials=find_credentials(key, url=None))
    withdrawn = simulator.faults.add("status", path="a.tif.*alt=media", status=401, count=1)

    assert fetch(client, simulator, obj) == CONTENT

    assert withdrawn.fired == 1


def test_a_sink_that_refuses_is_heard_word_for_word(
    account: Account, storage: Storage, put: Put
) -> None:
    obj = put("sink/a.tif", CONTENT)

    class Full:
        def write(self, data: bytes) -> int:
            raise RemoteError(Cause.DISK, f"no room for {len(data)}")

    with pytest.raises(RemoteError, match="no room") as caught:
        run([storage.fetch(account.bucket, obj, Full(), start=0)])

    assert caught.value.cause == Cause.DISK


def test_a_thread_that_failed_fetches_again_on_a_good_connection(
    simulator: Simulator, put: Put
) -> None:
    obj = put("again/a.tif", CONTENT)
    client = storage_of(simulator)
    for action in ("reset", "truncate"):
        simulator.faults.add(action, path="a.tif.*alt=media", after_bytes=1000, count=1)
        assert refused(client, simulator, obj).cause == Cause.TRANSIENT

    assert fetch(client, simulator, obj) == CONTENT
