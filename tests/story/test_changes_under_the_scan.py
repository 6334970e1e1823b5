"""The account changes between two requests of a scan or an export; nothing false is concluded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geesync.simulator import CALM
from geesync.simulator.simulator import Simulator
from geesync.simulator.world.pixels import SimAsset
from tests.story.accounts import HOME, a_band, an_account, an_image
from tests.story.world import World, a_world

VALUES = np.arange(108).reshape(9, 12).astype("uint8")
IMAGES = 6
FOLDER, COLLECTION = f"{HOME}/f", f"{HOME}/c"
LISTING = r":listAssets"


def images(parent: str) -> list[SimAsset]:
    return [an_image(f"{parent}/i{n}", a_band("b", VALUES + n)) for n in range(IMAGES)]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A folder and a collection of six images each, listed two by two."""
    account = an_account(
        SimAsset(FOLDER, "FOLDER"),
        SimAsset(COLLECTION, "IMAGE_COLLECTION"),
        *images("f"),
        *images("c"),
    )
    with (
        Simulator(account, profile=replace(CALM, page_limit=2)) as simulator,
        a_world(simulator, tmp_path) as built,
    ):
        built.enqueue("users/x")
        yield built


@pytest.mark.parametrize("parent", [FOLDER, COLLECTION])
@pytest.mark.parametrize(
    "change",
    [
        {"delete": "{}/i0"},
        {"delete": "{}/i5"},
        {"touch": "{}/i4"},
        {"copy": "{}/i0", "to": "{}/new"},
        {"move": "{}/i0", "to": "{}/z"},
        {"move": "{}/i5", "to": HOME + "/z"},
    ],
)
def test_what_changes_between_two_pages_is_right_after_the_next_scan(
    world: World, parent: str, change: dict[str, str]
) -> None:
    wishes = {key: told.format(parent) for key, told in change.items()}
    fault = world.simulator.faults.add(
        "change", path=f"{parent}{LISTING}.*pageToken", change=wishes
    )

    world.settle()
    world.rescan()
    world.settle()

    assert fault.fired == 1
    assert_true(world)


@pytest.mark.parametrize(
    "change", [{"delete": "{}"}, {"touch": "{}"}, {"move": "{}", "to": HOME + "/z"}]
)
@pytest.mark.parametrize("moment", ["between listing and reading", "before the export"])
def test_what_changes_after_it_was_listed_is_right_after_the_next_scan(
    world: World, change: dict[str, str], moment: str
) -> None:
    image = f"{FOLDER}/i3"
    path = f"{image}$|{image}\\?" if moment == "between listing and reading" else "image:export"
    wishes = {key: told.format(image) for key, told in change.items()}
    fault = world.simulator.faults.add("change", path=path, change=wishes)

    world.settle()
    world.rescan()
    world.settle()

    assert fault.fired == 1
    assert_true(world)


def test_an_image_that_is_overwritten_while_it_is_exported_is_taken_again(world: World) -> None:
    image = f"{COLLECTION}/i1"
    changed = world.simulator.faults.add("change", path="/operations", change={"touch": image})

    world.settle()

    assert changed.fired == 1
    assert world.accepted(image) == 2
    assert_true(world)


def assert_true(world: World) -> None:
    """Assert that what is there is verified and exact, and what is not there is gone."""
    there = {asset.name: asset for asset in world.simulator.world.walk(HOME)}
    with world.database.read() as connection:
        rows: Any = connection.exec_driver_sql("SELECT name, state, failures FROM asset")
        states = {name: (state, failures) for name, state, failures in rows}

    assert {name for name, (state, _) in states.items() if state != "gone"} == set(there)
    assert {state for state, _ in states.values()} <= {"verified", "gone"}
    assert all(world.is_exact(name) for name, asset in there.items() if asset.type == "IMAGE")
