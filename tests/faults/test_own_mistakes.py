"""Mistakes of geesync's own: they delay where they stand, loudly, and count against nothing."""

from __future__ import annotations

from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pytest
from structlog.testing import capture_logs

from geesync.domain.json import Json
from geesync.simulator import Simulator
from geesync.steps.mirror.verifier import Verifier
from tests.faults.conftest import ARCHIVE, Build
from tests.faults.test_refusals import exports_of_each_asset, failures
from tests.story.world import World, a_world

IMAGE = f"{ARCHIVE}/c0000/i000001"


def break_policies(world: World, name: str) -> None:
    """Have the verifier stumble over one asset, by an exception that nobody thought of."""

    def policy_of(asset: str) -> Json:
        if asset == name:
            raise ZeroDivisionError("nobody thought of this")
        return {}

    verifier = next(step for step in world.service.steps if isinstance(step, Verifier))
    verifier.policy_of = policy_of


def test_a_mistake_of_our_own_delays_one_asset_and_is_told(build: Build) -> None:
    world = build(5)
    world.enqueue(ARCHIVE)
    break_policies(world, IMAGE)
    with capture_logs() as logged:
        for _ in range(60):
            world.run()
            world.simulator.advance(600)

    assert world.counts() == {"verified": 6, "downloaded": 1}
    assert failures(world) == 0
    assert world.show(IMAGE)["cause"] == "bug"
    assert "nobody thought of this" in world.show(IMAGE)["reason"]
    bugs = [line for line in logged if line["event"] == "bug"]
    assert 5 <= len(bugs) <= 12  # once an hour

    break_policies(world, "")
    world.settle()

    assert world.counts() == {"verified": 7}
    assert exports_of_each_asset(world) == {1}


@pytest.mark.parametrize("made", ["decide", "request_body"])
@pytest.mark.parametrize("way", ["bucket", "direct"])
def test_a_mistake_while_one_asset_is_planned_keeps_no_other_from_being_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made: str, way: str
) -> None:
    planning = f"geesync.steps.tasks.planner.{made}"
    whole = resolve_name(planning)

    def stumbling(about: Any, *arguments: Any, **named: Any) -> Any:
        if about.name.endswith("i000001") if made == "decide" else "i000001" in about.asset:
            raise ZeroDivisionError("nobody thought of this")
        return whole(about, *arguments, **named)

    direct: dict[str, object] | None = {} if way == "direct" else None
    with (
        Simulator("thousands:3") as simulator,
        a_world(simulator, tmp_path, direct=direct) as world,
    ):
        world.enqueue(ARCHIVE)
        monkeypatch.setattr(planning, stumbling)
        for _ in range(5):
            world.run()
            world.simulator.advance(60)
        standing = world.show(IMAGE)
        counts = world.counts()
        monkeypatch.undo()
        world.settle()

        if (way, made) != ("direct", "request_body"):  # nothing is asked for by a task
            assert counts == {"verified": 4, "discovered": 1}
            assert (standing["cause"], failures(world)) == ("bug", 0)
        assert world.counts() == {"verified": 5}


@pytest.mark.parametrize("status", [400, 418, 451])
def test_an_asset_that_cannot_be_looked_at_after_its_export_keeps_it(
    build: Build, status: int
) -> None:
    world = build(3)
    world.enqueue(ARCHIVE)
    world.run("discoverer", "exporter")
    odd = world.simulator.faults.add(
        "status",
        method="GET",
        path=r"assets/archive/c0000/i000001\?",
        status=status,
        body="Odd.",
        count=None,
    )
    for _ in range(60):
        world.run()
        world.simulator.advance(600)
    assert odd.fired
    assert world.state(IMAGE) == "exporting"

    world.simulator.faults.clear()
    world.settle()

    assert world.counts() == {"verified": 5}
    assert failures(world) == 0
    assert exports_of_each_asset(world) == {1}
