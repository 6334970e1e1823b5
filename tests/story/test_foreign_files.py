"""What people put into a mirror is theirs: it is named, waited for, and never overwritten."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from geesync.simulator.simulator import Simulator
from tests.story.world import World, a_world

FOLDER = "users/demo/elevation"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with Simulator("small") as simulator, a_world(simulator, tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("name", ["elevation.tif", "asset.json", "geesync.json"])
def test_a_foreign_file_stops_one_asset_only_until_it_is_moved_away(
    world: World, name: str
) -> None:
    mine = world.mirror / FOLDER / name
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    world.enqueue("users/demo")

    for _ in range(30):
        world.run()
        world.simulator.advance(60)

    assert mine.read_text() == "mine"
    assert world.counts() == {"verified": 9, "downloaded": 1}
    trouble = world.status().troubles[0]
    assert trouble.cause == "foreign"
    assert f"{FOLDER}/{name}" in trouble.reason

    mine.rename(world.mirror.parent / "elsewhere")
    world.simulator.advance(timedelta(hours=7).total_seconds())
    world.settle()

    assert world.counts() == {"verified": 10}
    assert world.simulator.audit.count("export") == 11


def test_a_file_where_a_folder_must_be_is_left_where_it_is(world: World) -> None:
    mine = world.mirror / "users/demo/deep"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    world.enqueue("users/demo")

    for _ in range(30):
        world.run()
        world.simulator.advance(60)

    assert mine.read_text() == "mine"
    assert {trouble.cause for trouble in world.status().troubles} == {"foreign"}
    assert world.counts()["verified"] == 7


def test_a_planted_link_leads_nowhere(world: World, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    link = world.mirror / "users/demo/deep"
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)
    world.enqueue("users/demo")

    for _ in range(30):
        world.run()
        world.simulator.advance(60)

    assert not list(outside.iterdir())
    assert link.is_symlink()
    assert {trouble.cause for trouble in world.status().troubles} == {"foreign"}


def test_a_new_ledger_knows_its_files_by_their_sidecars(world: World, tmp_path: Path) -> None:
    world.enqueue("users/demo")
    world.settle()
    again = tmp_path / "again"
    again.mkdir()
    (again / "mirror").symlink_to(world.mirror)

    with a_world(world.simulator, again) as other:
        other.enqueue("users/demo")
        other.settle()

        assert other.counts() == {"verified": 10}
