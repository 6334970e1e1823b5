"""Answers have limits: of size, of pages, and of what lies in what."""

from __future__ import annotations

import json
from typing import Any

import pytest

from geesync.adapters.google import paging
from geesync.adapters.transfer import sessions, transport
from geesync.errors import Cause, RemoteError
from geesync.simulator.wire.faults import Fault
from geesync.steps.tasks.reconciler import Reconciler
from tests.faults.conftest import ARCHIVE, Build
from tests.story.world import World

FOLDER = f"{ARCHIVE}/c0000"
LISTING = r"c0000:listAssets"


def answer(world: World, path: str, told: dict[str, Any], **knobs: Any) -> Fault:
    """Have a listing answered otherwise; "{fired}" in what is told counts the answers."""
    kind = {"content-type": "application/json; charset=UTF-8"}
    body = json.dumps(told)
    return world.simulator.faults.add(
        "html", path=path, status=200, body=body, headers=kind, count=None, **knobs
    )


@pytest.mark.parametrize("service", ["earth_engine", "storage"])
def test_an_answer_that_is_made_to_fill_the_memory_is_refused(
    enqueued: World, monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    world = enqueued
    monkeypatch.setattr(transport, "LONGEST_ANSWER_BYTES", 1024**2)
    monkeypatch.setattr(sessions, "LONGEST_ANSWER_BYTES", 1024**2)
    reconciler = next(one for one in world.service.steps if isinstance(one, Reconciler))
    bomb = world.simulator.faults.add("bomb", server=service, after_bytes=64 * 1024**2, count=None)

    def ask() -> None:
        if service == "storage":
            store = reconciler.staged.stores.at(world.simulator.bucket)
            store.list_objects(world.simulator.bucket, "geesync/")
        else:
            list(reconciler.earth_engine.list_operations())

    with pytest.raises(RemoteError, match="more than 1,048,576 bytes") as refusal:
        ask()
    world.simulator.faults.clear()
    world.settle()

    assert bomb.fired > 0
    assert refusal.value.cause == Cause.TRANSIENT
    assert world.counts() == {"verified": 22}


ONE = [{"type": "IMAGE", "name": f"{FOLDER}/i000001", "updateTime": "2024-01-01T00:00:00Z"}]


@pytest.mark.parametrize(
    "told",
    [
        {"assets": [], "nextPageToken": "the same"},
        {"assets": [], "nextPageToken": "another {fired}"},
        {"assets": ONE, "nextPageToken": "another {fired}"},
    ],
)
def test_a_listing_without_end_is_named_and_stops_nothing_else(
    build: Build, monkeypatch: pytest.MonkeyPatch, told: dict[str, Any]
) -> None:
    monkeypatch.setattr(paging, "_IDLE_PAGES", 30)
    world = build(3)
    world.simulator.world.copy(FOLDER, f"{ARCHIVE}/other")
    endless = answer(world, LISTING, told)
    world.enqueue(ARCHIVE)

    world.run("discoverer")
    status = world.status()
    world.simulator.faults.clear()
    world.rescan()
    world.settle()

    assert 20 <= endless.fired < 200
    assert "cannot be read" in status.completeness.line
    assert world.counts() == {"verified": 6}


def test_a_bucket_that_lists_without_end_says_nothing_of_what_is_there(
    enqueued: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = enqueued
    monkeypatch.setattr(paging, "_IDLE_PAGES", 30)
    world.run("exporter")
    world.simulator.advance(60)
    endless = answer(
        world, r"/b/[^/]+/o\?", {"items": [], "nextPageToken": "{fired}"}, server="storage"
    )

    world.run("reconciler")
    world.simulator.faults.clear()
    world.settle()

    assert 20 <= endless.fired < 200
    assert world.counts() == {"verified": 22}
    assert world.simulator.audit.count("export") == 20


@pytest.mark.parametrize(
    ("listed", "known"),
    [
        (FOLDER, 3),
        (ARCHIVE, 3),
        ("projects/demo-project/assets/elsewhere", 3),
        (f"{FOLDER}/..", 4),  # by this name, what it lies in is answered
    ],
)
def test_a_folder_that_lists_itself_or_what_it_lies_in_is_walked_once(
    build: Build, listed: str, known: int
) -> None:
    world = build(3)
    asked = answer(world, LISTING, {"assets": [{"type": "FOLDER", "name": listed}, *ONE]})
    world.enqueue(ARCHIVE)

    world.run("discoverer")

    assert asked.fired == 1
    assert sum(world.counts().values()) == known
