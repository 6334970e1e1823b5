"""Answers that are JSON, and otherwise anything: a reason, and nobody behind stumbles over them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import ee
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import to_json

from geesync.adapters.earth_engine.earth_engine import EarthEngine
from geesync.adapters.google.credentials import find_credentials
from geesync.adapters.google.pacing import Pacer
from geesync.adapters.storage.bucket import Storage
from geesync.domain.tasks.exports import Ask, Part, request_body
from geesync.domain.tasks.lifecycle import TaskKind
from geesync.errors import Cause, RemoteError
from geesync.simulator import Simulator
from tests.faults.conftest import ARCHIVE, Build

WORDS = st.sampled_from(
    [
        *("name", "assets", "operations", "items", "nextPageToken", "metadata", "error", "done"),
        *("type", "id", "size", "generation", "crc32c", "state", "description", "bindings"),
    ]
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=6), st.just("\ud800")
)
ANSWERS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(WORDS, inner, max_size=4)),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator("small") as running:
        yield running
    ee.Reset()


@pytest.fixture(scope="module")
def asks(simulator: Simulator) -> list[Callable[[], Any]]:
    """Return all that is ever asked of the two services, as the steps ask it."""
    pacer = Pacer(100_000, tries=1)
    shared: dict[str, Any] = {
        "project": simulator.project,
        "pacer": pacer,
        "credentials": find_credentials(None, url=simulator.earth_engine_url),
    }
    there = EarthEngine(**shared, submits=pacer, url=simulator.earth_engine_url)
    bucket = Storage(**shared, url=simulator.storage_url)
    body = request_body(Ask("a", "r", Part("", "csv"), 1, "l"), bucket="b", prefix="p")
    return [
        lambda: [vars(one) for page in there.list_children("users/demo") for one in page],
        lambda: vars(there.get_asset("users/demo/elevation")),
        lambda: there.get_policy("users/demo/elevation"),
        lambda: [vars(one) for page in there.list_operations() for one in page],
        lambda: vars(there.get_operation("X")),
        lambda: vars(there.start(TaskKind.IMAGE_EXPORT, body)),
        lambda: [vars(one) for one in bucket.list_objects(simulator.bucket, "geesync/")],
    ]


@settings(max_examples=25)
@given(ANSWERS)
def test_any_json_is_an_answer_or_a_reason(
    simulator: Simulator, asks: list[Callable[[], Any]], answer: Any
) -> None:
    causes: set[Cause] = set()
    for ask in asks:
        simulator.faults.clear()
        spoiled = simulator.faults.add(
            "html",
            path=r"/v1/|/b/",
            status=200,
            body=json.dumps(answer),
            headers={"content-type": "application/json"},
            count=None,
        )
        try:
            to_json(ask(), inf_nan_mode="constants")  # what is written down of it
        except RemoteError as error:
            causes.add(error.cause)
            str(error).encode()
        assert spoiled.fired
    assert causes <= {Cause.TRANSIENT}


def test_an_asset_that_is_described_unreadably_is_kept_and_holds_up_no_other(
    build: Build,
) -> None:
    world = build(3)
    odd = f"{ARCHIVE}/c0000/i000001"
    listed = [
        {"name": f"{ARCHIVE}/c0000/i000000", "type": "IMAGE", "sizeBytes": "1" * 400},
        {"name": odd, "type": "IMAGE", "bands": [None]},
        {"name": f"{ARCHIVE}/c0000/i000002", "type": "TABLE", "properties": {"a": "\ud800"}},
        {"type": "IMAGE"},
        None,
    ]
    lying = world.simulator.faults.add(
        "html",
        path="c0000:listAssets",
        status=200,
        body=json.dumps({"assets": listed}),
        headers={"content-type": "application/json"},
    )
    world.enqueue(ARCHIVE)
    world.run("discoverer")
    world.settle()
    first = world.show(odd)
    world.rescan()
    world.settle()

    assert lying.fired
    assert first["state"] == "verified"
    assert first["left_out"] is None  # what a listing garbles is asked for by itself
    assert world.counts() == {"verified": 5}
    assert world.show(odd)["left_out"] is None
    assert world.is_exact(odd)


def test_a_failure_in_a_million_words_is_noted_and_stops_nobody(build: Build) -> None:
    world = build(2)
    world.simulator.operations.fail("i000001", 13, "why? " * 10**6)
    world.enqueue(ARCHIVE)

    world.settle()

    assert world.counts() == {"verified": 4}
    assert "failed" in world.exports(f"{ARCHIVE}/c0000/i000001")
