"""Coordinate systems that PROJ does not know by their codes hold up nothing that is read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio

from geesync.simulator.profiles import CALM
from geesync.simulator.simulator import Simulator
from geesync.simulator.world.pixels import SimAsset
from tests.story.accounts import a_band, an_account, an_image
from tests.story.world import World, a_world

VALUES = np.random.default_rng(4).integers(0, 256, (600, 700), dtype=np.uint8)

#: In one piece, and in pieces that are joined.
MEMORY = {"one piece": 50_000_000, "pieces": 200_000}


def image(crs: str, name: str = "img") -> SimAsset:
    band = a_band("b", VALUES)
    return an_image(name, replace(band, grid=replace(band.grid, crs=crs)))


def crs_of(world: World, name: str) -> str:
    """Return what the file says; the asset came without a detour."""
    (file,) = world.files(name)
    assert world.history(name)[-2:] == ["Fetched", "CheckPassed"]
    assert world.is_exact(name)
    with rasterio.open(file) as dataset:
        return str(dataset.crs.to_wkt())


@pytest.mark.parametrize("memory", MEMORY.values(), ids=MEMORY)
@pytest.mark.parametrize(
    ("crs", "means"), [("SR-ORG:6974", "Sinusoidal"), ("SR-ORG:7483", "Mercator")]
)
def test_a_code_that_proj_does_not_know_is_spelled_out_in_the_file(
    tmp_path: Path, crs: str, means: str, memory: int
) -> None:
    images = [image(crs), image(crs, "other")]
    profile = replace(CALM, direct_memory_bytes=memory)
    with (
        Simulator(an_account(*images), profile=profile) as simulator,
        a_world(simulator, tmp_path, direct={"reread": "all"}) as world,
    ):
        world.enqueue("users/x")
        world.settle()

        assert means in crs_of(world, images[0].name)
        item = json.loads((world.folder(images[0].name) / "item.json").read_text())
        (told,) = {one.get("proj:wkt2") for one in item["assets"].values() if "proj:shape" in one}
        assert means in told
        assert simulator.audit.count("compute_value") <= 3  # asked once a pass, not once an image


def test_a_code_that_nobody_spells_out_is_named_in_the_file(tmp_path: Path) -> None:
    unknown = image("SR-ORG:7483")
    with (
        Simulator(an_account(unknown)) as simulator,
        a_world(simulator, tmp_path, direct={"reread": "all"}) as world,
    ):
        simulator.faults.add("status", path="value:compute", status=400, count=None)
        world.enqueue("users/x")
        world.settle()

        assert 'LOCAL_CS["SR-ORG:7483"' in crs_of(world, unknown.name)
