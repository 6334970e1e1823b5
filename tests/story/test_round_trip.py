"""There and back: what comes home twice is the same, but for what was named before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from geesync.domain.restore.losses import LossKind
from geesync.simulator.profiles import CALM
from geesync.simulator.simulator import Simulator
from geesync.simulator.world.pixels import SimAsset
from tests.story.accounts import a_band, an_account, an_image
from tests.story.round_trip import BACK, HOME, differences, nasty, restore, settle
from tests.story.world import a_world

POLICY = {"bindings": [{"role": "roles/viewer", "members": ["user:a@example.org"]}]}


@pytest.mark.parametrize("masks", ["nodata", "separate"])
def test_a_nasty_account_is_the_same_after_there_and_back(tmp_path: Path, masks: str) -> None:
    with (
        Simulator(nasty()) as simulator,
        a_world(simulator, tmp_path, direct={}, bucket=True) as world,
    ):
        simulator.world.set_policy(f"{HOME}/mixed", POLICY)
        world.enqueue("users/exact", masks=masks)
        world.settle()

        found = settle(world, restore(world, ["users/exact"]), passes=400)

        bad = [(o.wanted.target, o.standing.reason) for o in found if o.standing.state != "proved"]
        assert bad == []
        world.enqueue(BACK, masks=masks)
        world.settle()
        wrong = {one.wanted.source: told for one in found if (told := differences(world, one))}
        assert wrong == {}


@pytest.mark.slow
def test_the_demo_account_is_the_same_after_there_and_back(tmp_path: Path) -> None:
    with Simulator("demo") as simulator, a_world(simulator, tmp_path, direct={}, bucket=True) as it:
        roots = ["users/demo", "projects/demo-project/assets"]
        for root in roots:
            it.enqueue(root)
        it.settle()
        simulator.world.put(SimAsset(BACK, "FOLDER"))

        found = settle(it, restore(it, roots), passes=400)

        assert {one.standing.state for one in found} == {"proved"}
        it.enqueue(BACK)
        it.settle()
        wrong = {one.wanted.source: told for one in found if (told := differences(it, one))}
        assert wrong == {}


@pytest.mark.parametrize(("entries", "state"), [("one", "quarantined"), ("many", "proved")])
def test_several_masks_with_fractions_are_named_before_and_never_flattened(
    tmp_path: Path, entries: Literal["one", "many"], state: str
) -> None:
    soft = [np.full((4, 5), share, np.float32) for share in (0.25, 0.5)]
    values = np.arange(20, dtype="uint8").reshape(4, 5)
    image = an_image("soft", *(a_band(f"b{n}", values, mask) for n, mask in enumerate(soft)))
    account = an_account(image, SimAsset("projects/demo-project/assets", "FOLDER"))
    with (
        Simulator(account, profile=replace(CALM, mask_entries=entries)) as simulator,
        a_world(simulator, tmp_path, direct={}, bucket=True) as world,
    ):
        world.enqueue("users/x", masks="separate")
        world.settle()

        (_, one) = settle(world, restore(world, ["users/x"]), passes=400, tick_s=600)

        assert [loss["kind"] for loss in one.wanted.losses] == [LossKind.FRACTIONS]
        assert one.standing.state == state
        assert ("At most 1 mask band" in one.standing.reason) == (state == "quarantined")
