"""Filters of a root: what they leave out is counted, never asked for, and comes back when asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from geesync.domain.assets.names import LEGACY
from geesync.simulator.simulator import Simulator
from tests.story.world import World, a_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with Simulator("small") as simulator, a_world(simulator, tmp_path) as opened:
        yield opened


def names(world: World) -> set[str]:
    with world.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT name FROM asset WHERE state <> 'excluded'")
        return {row.name.removeprefix(LEGACY + "users/demo") for row in rows}


def test_what_is_excluded_is_counted_and_nothing_is_asked_for_it(world: World) -> None:
    world.enqueue("users/demo", exclude=["scenes/", "elevation"], priority=7)

    world.settle()

    assert names(world) == {"", "/empty", "/deep", "/deep/er", "/deep/er/landcover"}
    assert world.status().roots[0].excluded == 2
    assert world.simulator.audit.count("export") == 1
    assert world.show(f"{LEGACY}users/demo/deep")["priority"] == 7


def test_new_filters_stop_what_is_not_yet_on_its_way_and_keep_what_is_on_disk(
    world: World,
) -> None:
    world.enqueue("users/demo", exclude=["scenes/"])
    world.settle()
    world.enqueue("users/demo")
    world.run("discoverer")

    world.enqueue("users/demo", exclude=["*"])
    world.settle()

    assert world.counts()["excluded"] == 4
    assert world.show(f"{LEGACY}users/demo/elevation")["state"] == "verified"
    assert (world.mirror / "users/demo/elevation/elevation.tif").is_file()


def test_what_was_excluded_is_taken_when_no_filter_names_it_any_more(world: World) -> None:
    world.enqueue("users/demo")
    world.run("discoverer")
    world.enqueue("users/demo", types="TABLE")
    world.settle()
    assert world.counts()["excluded"] == 5

    world.enqueue("users/demo", types="TABLE,IMAGE")
    world.settle()

    assert "excluded" not in world.counts()
    assert world.status().roots[0].excluded == 0
    assert (world.mirror / "users/demo/deep/er/landcover/landcover.tif").is_file()
