"""What stands for masked pixels is never a value that real pixels have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geesync.simulator.simulator import Simulator
from geesync.store.browsing.assets import show
from tests.story.accounts import HOME, a_band, an_account, an_image
from tests.story.world import a_world

MASK = np.random.default_rng(3).random((9, 12)) > 0.3
MASK[0, 0] = True
IMAGE = f"{HOME}/img"


@pytest.mark.parametrize(
    ("kind", "declared", "usual"),
    [
        ("uint16", (0, 10000), 65535),
        ("uint8", (0, 200), 255),
        ("uint8", (1, 255), 0),
        ("int16", (-100, 5000), -9999),
        ("int16", (-100, 5000), -32768),
    ],
)
def test_usual_no_data_values_outside_of_the_declared_range_stay_what_they_are(
    tmp_path: Path, kind: str, declared: tuple[int, int], usual: int
) -> None:
    values = np.full((9, 12), declared[1], kind)
    values[0, 0] = usual
    account = an_account(an_image("img", a_band("b", values, MASK, declared=declared)))
    with Simulator(account) as simulator, a_world(simulator, tmp_path) as world:
        world.enqueue("users/x")

        world.settle()

        assert world.state(IMAGE) == "verified"
        assert world.is_exact(IMAGE)


@pytest.mark.parametrize("declared", [(-1, 1), (0, 0.1), (0, 0.3), (-0.2, 0.7)])
def test_a_float_at_the_end_of_its_declared_range_is_exported_once(
    tmp_path: Path, declared: Any
) -> None:
    values = np.full((9, 12), declared[0], "float32")
    values[0, 0] = declared[1]
    account = an_account(an_image("img", a_band("b", values, MASK, declared=declared)))
    with Simulator(account) as simulator, a_world(simulator, tmp_path) as world:
        world.enqueue("users/x")

        world.settle()

        assert world.is_exact(IMAGE)
        assert world.accepted(IMAGE) == 1
        told = json.loads((world.folder(IMAGE) / "geesync.json").read_text())
        assert told["fractional_masks_count_as_valid"] == []
        assert told["fractional_masks_may_count_as_valid"] == ["b"]


@pytest.mark.parametrize("direct", [None, {}])
@pytest.mark.parametrize(
    ("masks", "declared", "beyond"),
    [
        ("nodata", (0, 200), 300),
        ("separate", (0, 200), 300),
        ("nodata", (-100, 100), -20000),
        ("separate", (-100, 100), -20000),
        ("nodata", (0, 254), 300),  # in a file of a wider type
        ("nodata", (0, 65534), 70000),
        ("nodata", (1, 200), -7),  # which becomes 0, as masked pixels are elsewhere
    ],
)
def test_values_that_the_declared_type_cannot_hold_come_in_a_wider_one(
    tmp_path: Path, direct: Any, masks: str, declared: tuple[int, int], beyond: int
) -> None:
    values = np.full((9, 12), declared[1], "int32")
    values[0, 0] = beyond
    full = a_band("full", np.full((9, 12), -(2**31), "int32"))  # its type is the other's wider one
    account = an_account(an_image("img", a_band("b", values, MASK, declared=declared), full))
    with Simulator(account) as simulator, a_world(simulator, tmp_path, direct=direct) as world:
        world.enqueue("users/x", masks=masks)

        world.settle()

        assert world.state(IMAGE) == "verified"
        assert world.is_exact(IMAGE)


def test_a_mask_that_loses_its_fractions_is_named_by_who_reads_it(tmp_path: Path) -> None:
    fractions = np.where(MASK, 0.5, 0.0).astype("float32")
    bands = [
        a_band("byte", np.full((9, 12), 9, "uint8"), fractions),
        a_band("word", np.full((9, 12), 9, "uint16"), fractions),
        a_band("real", np.full((9, 12), 9, "float64"), fractions),
        a_band("plain", np.full((9, 12), 9, "int8"), MASK.astype("float32")),
    ]
    account = an_account(an_image("img", *bands))
    with Simulator(account) as simulator, a_world(simulator, tmp_path, direct={}) as world:
        world.enqueue("users/x")

        world.settle()

        assert world.is_exact(IMAGE)
        told = json.loads((world.folder(IMAGE) / "geesync.json").read_text())
        assert told["fractional_masks_count_as_valid"] == ["byte", "word"]
        assert told["fractional_masks_may_count_as_valid"] == []
        shown = show(world.config.ledger, IMAGE)
        assert shown
        assert shown["flattened_masks"] == {"seen": ["byte", "word"], "unknown": []}
