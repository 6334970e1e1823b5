"""What it means that Google gives no token: the same for both clients, by OAuth's own words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ee
import pytest

from geesync.adapters.earth_engine.earth_engine import EarthEngine
from geesync.adapters.google.credentials import find_credentials
from geesync.adapters.google.pacing import Pacer
from geesync.adapters.storage.bucket import Storage
from geesync.errors import Cause, RemoteError
from geesync.simulator import Simulator
from geesync.simulator.wire.faults import Action
from tests.story.world import BESIDE, a_world

Ask = Callable[[], object]


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator("small") as running:
        yield running
    ee.Reset()


@pytest.fixture(params=["earth_engine", "storage"])
def ask(request: pytest.FixtureRequest, simulator: Simulator, tmp_path: Path) -> Ask:
    """Ask one of the two services something, with a service account's key."""
    key = simulator.write_credentials(tmp_path / "key.json")
    pacer = Pacer(1000, tries=1)
    shared: dict[str, Any] = {
        "project": simulator.project,
        "credentials": find_credentials(key, url=None),
        "pacer": pacer,
        "timeout_s": 5.0,
    }
    if request.param == "storage":
        storage = Storage(**shared, url=simulator.storage_url)
        return lambda: storage.list_objects(simulator.bucket, "geesync/")
    earth_engine = EarthEngine(**shared, submits=pacer, url=simulator.earth_engine_url)
    return lambda: list(earth_engine.list_operations())


@pytest.mark.parametrize("word", ["invalid_grant", "deleted_client", "org_internal"])
def test_a_revoked_key_is_no_permission(ask: Ask, simulator: Simulator, word: str) -> None:
    answer = json.dumps({"error": word, "error_description": "Invalid JWT Signature."})
    revoked = simulator.faults.add("html", path="/token", status=400, count=None, body=answer)

    with pytest.raises(RemoteError, match=word) as caught:
        ask()

    assert revoked.fired
    assert caught.value.cause == Cause.PERMISSION
    assert "assertion" not in str(caught.value)


@pytest.mark.parametrize(
    ("action", "status"),
    [
        ("html", 502),
        ("html", 200),
        pytest.param("status", 500, marks=pytest.mark.slow),  # google-auth waits and asks again
        ("reset", 0),
    ],
)
def test_a_broken_token_endpoint_passes_though_the_library_calls_it_final(
    ask: Ask, simulator: Simulator, action: Action, status: int
) -> None:
    broken = simulator.faults.add(action, path="/token", status=status, count=None)

    with pytest.raises(RemoteError) as caught:
        ask()
    fired = broken.fired
    simulator.faults.clear()
    ask()

    assert fired
    assert caught.value.cause == Cause.TRANSIENT


def test_a_token_that_is_refused_once_is_renewed(ask: Ask, simulator: Simulator) -> None:
    ask()
    refused = simulator.faults.add("status", path=r"/v1/|/b/", status=401)

    ask()

    assert refused.fired == 1


OLD, NEW = "old@demo-project.iam.gserviceaccount.com", "new@demo-project.iam.gserviceaccount.com"


@pytest.mark.parametrize("moment", ["reload", "refusal"])
def test_a_key_that_is_replaced_is_used_without_a_restart(
    simulator: Simulator, tmp_path: Path, moment: str
) -> None:
    key = simulator.write_credentials(tmp_path / "key.json", email=OLD)
    with a_world(simulator, tmp_path, credentials=key, workers=BESIDE) as world:
        world.enqueue("users/demo")
        world.run("discoverer")
        simulator.world.permissions.deny(principal=OLD)
        world.run("exporter")
        refused = world.status().troubles
        simulator.write_credentials(key, email=NEW)
        if moment == "reload":
            world.service.reload(world.config)
        else:
            simulator.faults.add("status", server="earth_engine", path="/v1/", status=401)
        world.settle()

        assert refused[0].cause == Cause.PERMISSION
        assert world.counts() == {"verified": 10}


def test_a_key_file_that_is_broken_in_between_costs_time_only(
    simulator: Simulator, tmp_path: Path
) -> None:
    key = simulator.write_credentials(tmp_path / "key.json")
    with a_world(simulator, tmp_path, credentials=key, workers=BESIDE) as world:
        world.enqueue("users/demo")
        key.write_text("{")
        world.service.reload(world.config)
        world.run("discoverer", "exporter")  # who asks Earth Engine has the old key still
        simulator.advance(60)
        world.run("reconciler", "downloader")
        held = world.status().troubles
        simulator.write_credentials(key)
        world.settle()

        assert [trouble.cause for trouble in held] == [Cause.PERMISSION]
        assert world.counts() == {"verified": 10}
        assert world.show(held[0].example)["failures"] == 0


def test_the_next_start_uses_the_key_that_is_there_then(
    simulator: Simulator, tmp_path: Path
) -> None:
    key = simulator.write_credentials(tmp_path / "key.json", email=OLD)
    with a_world(simulator, tmp_path, credentials=key, workers=BESIDE) as world:
        world.enqueue("users/demo")
    simulator.world.permissions.deny(principal=OLD)
    simulator.write_credentials(key, email=NEW)
    ee.Reset()

    with a_world(simulator, tmp_path, credentials=key, workers=BESIDE) as world:
        world.settle()

        assert world.counts() == {"verified": 10}
