"""An account that changes while it is watched: nothing is concluded without proof."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geesync.simulator.profiles import CALM, always
from geesync.simulator.simulator import Simulator
from geesync.simulator.world.pixels import SimAsset
from tests.story.accounts import HOME, a_band, an_account
from tests.story.world import World, a_world

VALUES = np.arange(12 * 9, dtype="uint8").reshape(9, 12)
NUMBERS = count()


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    profile = replace(CALM, run_s=always(90))
    with Simulator(an_account(), profile=profile) as running:
        yield running


@pytest.fixture
def home(simulator: Simulator) -> str:
    """A folder of this test's own, with an image and a folder in it."""
    folder = f"{HOME}/f{next(NUMBERS)}"
    simulator.world.put(SimAsset(folder, "FOLDER"))
    simulator.world.put(SimAsset(f"{folder}/sub", "FOLDER"))
    publish(simulator, f"{folder}/img")
    publish(simulator, f"{folder}/sub/deep")
    return folder


@pytest.fixture
def world(simulator: Simulator, home: str, tmp_path: Path) -> Iterator[World]:
    with a_world(simulator, tmp_path) as built:
        built.enqueue(home)
        yield built
    simulator.faults.clear()


def publish(simulator: Simulator, name: str, add: int = 0) -> None:
    """Put an image, or other pixels into it."""
    band = a_band("b", (VALUES + add).astype("uint8"))
    simulator.world.put(SimAsset(name, "IMAGE", bands=(band,)), overwrite=True)


def look_again(world: World) -> None:
    world.service.roots.scan_all(world.now())
    world.settle()


def alarm(world: World) -> str | None:
    return world.status().roots[0].alarm


def test_what_changed_is_mirrored_anew(world: World, home: str) -> None:
    world.settle()
    publish(world.simulator, f"{home}/img", add=50)
    assert not world.is_exact(f"{home}/img")

    look_again(world)

    assert world.is_exact(f"{home}/img")
    assert (world.accepted(f"{home}/img"), world.accepted(f"{home}/sub/deep")) == (2, 1)


def test_what_changed_while_it_was_exported_is_taken_again(world: World, home: str) -> None:
    world.run()
    assert world.state(f"{home}/img") == "exporting"
    publish(world.simulator, f"{home}/img", add=50)

    world.settle()

    assert world.is_exact(f"{home}/img")
    assert "SourceChanged" in world.history(f"{home}/img")


def test_what_vanished_is_gone_and_its_files_are_kept(world: World, home: str) -> None:
    world.settle()
    files = world.files(f"{home}/img")
    world.simulator.world.delete(f"{home}/img")

    look_again(world)

    assert world.state(f"{home}/img") == "gone"
    assert files
    assert all(file.is_file() for file in files)


def test_what_came_back_is_mirrored_again(world: World, home: str) -> None:
    world.settle()
    world.simulator.world.delete(f"{home}/img")
    look_again(world)
    publish(world.simulator, f"{home}/img", add=9)

    look_again(world)

    assert world.state(f"{home}/img") == "verified"
    assert world.is_exact(f"{home}/img")


def test_a_folder_that_vanished_takes_all_in_it_along(world: World, home: str) -> None:
    world.settle()
    world.simulator.world.delete(f"{home}/sub", recursive=True)

    look_again(world)

    assert (world.state(f"{home}/sub"), world.state(f"{home}/sub/deep")) == ("gone", "gone")
    assert world.state(f"{home}/img") == "verified"


def test_what_vanished_while_it_was_exported_ends_as_gone(world: World, home: str) -> None:
    world.run("discoverer", "exporter")
    world.simulator.world.delete(f"{home}/img")

    look_again(world)  # what was exported comes home first: it is the last copy
    look_again(world)

    assert world.state(f"{home}/img") == "gone"
    assert not world.status().operations


def test_unlisted_is_not_gone_without_a_404(world: World, home: str) -> None:
    """A listing may skip an asset; only asking for it tells."""
    world.settle()
    listed = json.dumps({"assets": [{"type": "FOLDER", "name": f"{home}/sub", "id": "x"}]})
    path = f"{home}:listAssets"
    world.simulator.faults.add("html", path=path, status=200, body=listed, count=1)

    look_again(world)

    assert world.state(f"{home}/img") == "verified"


def test_a_root_that_is_suddenly_empty_is_an_alarm_and_nothing_is_gone(
    world: World, home: str
) -> None:
    world.settle()
    fault = world.simulator.faults.add("html", path=f"{home}:listAssets", status=200, body="{}")

    look_again(world)

    assert fault.fired == 1
    assert "lists nothing" in str(alarm(world))
    assert set(world.counts()) == {"verified"}
    look_again(world)
    assert alarm(world) is None


def test_a_root_that_cannot_be_seen_is_an_alarm_and_nothing_is_gone(
    world: World, home: str
) -> None:
    world.settle()
    denial = world.simulator.world.permissions.deny(home)

    look_again(world)

    assert "not ours to see" in str(alarm(world))
    assert set(world.counts()) == {"verified"}
    world.simulator.world.permissions.allow(denial)


@pytest.mark.parametrize("trouble", [{"action": "status"}, {"action": "html", "status": 502}])
def test_a_listing_that_breaks_concludes_nothing(
    world: World, home: str, trouble: dict[str, Any]
) -> None:
    world.settle()
    world.simulator.world.delete(f"{home}/sub/deep")
    world.simulator.faults.add(**trouble, path=f"{home}/sub:listAssets", count=None)

    world.service.roots.scan_all(world.now())
    world.run()

    assert alarm(world) is None
    assert world.show(f"{home}/sub")["unreadable"]
    assert world.state(f"{home}/sub/deep") == "verified"
    world.simulator.faults.clear()
    look_again(world)
    assert world.state(f"{home}/sub/deep") == "gone"


def test_a_proof_that_breaks_concludes_nothing(world: World, home: str) -> None:
    world.settle()
    world.simulator.world.delete(f"{home}/img")
    world.simulator.faults.add("status", path=f"{home}/img", count=None)

    world.service.roots.scan_all(world.now())
    world.run()

    assert world.state(f"{home}/img") == "verified"


def test_what_moved_is_gone_there_and_mirrored_here(world: World, home: str) -> None:
    world.settle()
    world.simulator.world.move(f"{home}/sub", f"{home}/renamed")

    look_again(world)

    assert world.state(f"{home}/sub/deep") == "gone"
    assert world.state(f"{home}/renamed/deep") == "verified"
    assert world.is_exact(f"{home}/renamed/deep")


def test_a_removed_roots_assets_are_left_alone_and_taken_over(world: World, home: str) -> None:
    world.settle()
    (root,) = world.service.roots.all()
    world.service.roots.update(root.id, removed_at=world.now())
    world.enqueue(f"{home}/sub")

    world.settle()

    assert world.accepted(f"{home}/sub/deep") == 1
    assert world.files(f"{home}/img")
