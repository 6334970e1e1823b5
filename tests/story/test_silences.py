"""Where public sources are silent, the mirror is right whichever answer Earth Engine gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geesync.simulator import CALM, always
from geesync.simulator.simulator import Simulator
from geesync.simulator.tasks.operation import State
from geesync.simulator.wire.faults import Fault
from tests.story.accounts import HOME, a_band, an_account, an_image
from tests.story.world import World, a_world

RNG = np.random.default_rng(5)
MASK = RNG.random((40, 50)) > 0.3
IMAGES = {
    "byte": a_band("b", RNG.integers(0, 255, (40, 50)).astype("uint8"), MASK),
    "float": a_band("b", RNG.normal(size=(40, 50)).astype("float32"), MASK),
    "double": a_band("b", RNG.normal(size=(40, 50)), MASK),
    "large": a_band("b", RNG.integers(-9, 9, (300, 520)).astype("int16")),
}

#: Each knob for which there is no public source, and the answers that the mirror must stand.
SILENCES: dict[str, tuple[Any, ...]] = {
    "duplicates": ("same_operation", "refuse", "either"),
    "duplicate_status": (400, 409, 429),
    "queue_full_status": (400, 403, 429),
    "burn_rejected_ids": (True, False),
    "folder_children": ("BASIC", "FULL"),
    "patch_moves_time": (True, False),
    "list_lag_s": ((0.0, 0.0), (20.0, 50.0)),
    "operation_order": ("newest_first", "oldest_first", "mixed"),
    "shifting_pages": (True, False),
    "object_lag_s": ((0.0, 0.0), (20.0, 120.0)),
    "retention_s": (0.0, 3600.0, float("inf")),
    "bucket_refusal_code": (3, 5, 7),
    "bucket_refusal_message": ("Permission denied.", "Something is wrong with the bucket."),
    "small_images_split": (True, False),
    "tile_joint": ("", "-"),
    "listed_update_time": ("same", "earlier"),
    "masked_float": (0.0, float("nan"), float("-inf")),
}

#: What else must be so for the knob to matter.
WITH: dict[str, dict[str, Any]] = {
    "duplicate_status": {"duplicates": "refuse"},
    "queue_full_status": {"queue_limit": 2, "run_s": always(60)},
    "burn_rejected_ids": {"queue_limit": 2, "run_s": always(60)},
    "retention_s": {"run_s": always(60)},
}
REPEATED = ("duplicates", "duplicate_status")
REFUSED = ("queue_full_status", "burn_rejected_ids")
FORBIDDEN = ("bucket_refusal_code", "bucket_refusal_message")


@contextmanager
def a_mirror(folder: Path, knob: str, answer: Any) -> Iterator[World]:
    profile = replace(CALM, file_edge=256, **{**WITH.get(knob, {}), knob: answer})
    account = an_account(*(an_image(name, band) for name, band in IMAGES.items()))
    with Simulator(account, profile=profile) as simulator, a_world(simulator, folder) as world:
        world.enqueue("users/x")
        yield world


@pytest.mark.parametrize(
    ("knob", "answer"), [(knob, answer) for knob, answers in SILENCES.items() for answer in answers]
)
def test_the_mirror_is_exact_whichever_answer_is_given(
    tmp_path: Path, knob: str, answer: Any
) -> None:
    with a_mirror(tmp_path, knob, answer) as world:
        lost = provoke(world, knob)
        asked = world.simulator.faults.add("delay", path="image:export", count=None)  # it counts

        world.settle(passes=500)

        assert_it_mattered(world, knob, asked, lost)
        assert world.counts() == {"verified": len(IMAGES) + 1}
        assert all(world.is_exact(f"{HOME}/{name}") for name in IMAGES)
        if knob not in (*FORBIDDEN, "patch_moves_time"):
            assert set(times_exported(world).values()) == {1}


def times_exported(world: World) -> Counter[str]:
    """Return how often each part was exported."""
    records = world.simulator.audit.records("export")
    return Counter(record.details["destination"].rpartition("/")[2] for record in records)


def assert_it_mattered(world: World, knob: str, asked: Fault, lost: Fault | None) -> None:
    if lost is not None:
        assert lost.fired
    if knob in REFUSED:
        assert asked.fired > world.simulator.audit.count("export")
    if knob in FORBIDDEN:
        assert world.simulator.operations.all(State.FAILED)


def provoke(world: World, knob: str) -> Fault | None:
    """Do what makes the knob matter; return the rule that must hit, if there is one."""
    simulator = world.simulator
    if knob in REPEATED:
        return simulator.faults.add("drop_response", method="POST", path="image:export", count=2)
    if knob in FORBIDDEN:
        denial = simulator.world.permissions.deny("gs://demo-bucket", "storage.objects.create")
        world.run()
        world.run()
        simulator.world.permissions.allow(denial)
    if knob == "patch_moves_time":
        world.settle(passes=500)
        name = f"{HOME}/byte"
        changed = replace(simulator.world.get(name), properties={"a": 1})
        simulator.world.put(changed, moves_time=simulator.profile.patch_moves_time)
        world.rescan()
    return None
