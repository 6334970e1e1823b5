"""A plan is made once: what changes behind a copy that is on its way is told as what it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from geesync.domain.state_machine import MAX_TRIES
from geesync.simulator.profiles import CALM, always
from geesync.simulator.simulator import Simulator
from geesync.store.copies.checks import Checks
from tests.story.accounts import HOME, a_band, an_account, an_image
from tests.story.world import World, a_world

VALUES = np.arange(12 * 9, dtype="int16").reshape(9, 12)
MASK = (VALUES % 5 > 0).astype(np.float32)
IMAGE = f"{HOME}/img"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    account = an_account(an_image("img", a_band("b", VALUES, MASK, declared=(0, 200))))
    slow = replace(CALM, run_s=always(90))
    with Simulator(account, profile=slow) as simulator, a_world(simulator, tmp_path) as built:
        yield built


def masks_of(world: World, name: str) -> str:
    return str(json.loads((world.folder(name) / "geesync.json").read_text())["masks"])


@pytest.mark.parametrize("state", ["exporting", "in_bucket", "downloaded"])
def test_other_masks_are_no_damage_of_a_copy_that_is_on_its_way(world: World, state: str) -> None:
    world.enqueue("users/x", masks="nodata")
    world.run_until(state, IMAGE)

    world.enqueue("users/x", masks="separate")
    world.settle()

    assert world.history(IMAGE)[-1] == "CheckPassed"
    assert not {"CheckFailed", "ExportFailed"} & set(world.history(IMAGE))
    assert world.exports(IMAGE) == ["succeeded"]
    assert world.accepted(IMAGE) == 1
    assert world.is_exact(IMAGE)
    assert masks_of(world, IMAGE) == "nodata"


def test_other_masks_are_for_what_was_not_begun(world: World) -> None:
    world.enqueue("users/x", masks="nodata")
    world.run("discoverer")
    world.enqueue("users/x", masks="separate")

    world.settle()

    assert [file.name for file in world.files(IMAGE)] == ["img.mask.tif", "img.tif"]
    assert masks_of(world, IMAGE) == "separate"


def test_other_masks_are_for_the_next_revision(world: World) -> None:
    world.enqueue("users/x", masks="nodata")
    world.settle()
    world.enqueue("users/x", masks="separate")
    changed = an_image("img", a_band("b", VALUES + 1, MASK, declared=(0, 200)))
    world.simulator.world.put(replace(changed, update_time="2024-02-01T00:00:00Z"))

    world.settle()

    assert masks_of(world, IMAGE) == "separate"
    assert world.is_exact(IMAGE)


def test_what_failed_under_other_options_is_asked_for_under_those_of_now(world: World) -> None:
    world.simulator.operations.fail("img", 13, "Internal error.", count=MAX_TRIES)
    world.enqueue("users/x", masks="nodata")
    world.settle()
    assert world.state(IMAGE) == "quarantined"

    world.enqueue("users/x", masks="separate")
    world.steering.retry(world.now())
    world.settle()

    assert masks_of(world, IMAGE) == "separate"


def test_a_copy_that_came_under_other_options_is_mended_part_by_part(world: World) -> None:
    world.enqueue("users/x", masks="separate")
    world.settle()
    world.enqueue("users/x", masks="nodata")
    (world.folder(IMAGE) / "img.mask.tif").unlink()
    asset = world.service.ledger.find(IMAGE)
    assert asset

    Checks(world.database).send_back(asset, ["img.mask.tif"], "missing", world.now())
    world.settle()

    assert world.exports(IMAGE) == ["succeeded", "abandoned", "succeeded"]
    assert world.is_exact(IMAGE)
    assert masks_of(world, IMAGE) == "separate"
