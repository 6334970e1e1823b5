"""``check --read-pixels``: any mirror against Earth Engine's pixels, whatever way it came by."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from geesync.bootstrap import pixel_comparer
from geesync.domain.mirror.checking import Verdict
from geesync.simulator.profiles import CALM
from geesync.simulator.simulator import Simulator
from geesync.store.copies.checks import Scope
from tests.story.accounts import HOME, a_band, an_account, an_image
from tests.story.world import World, a_world

RNG = np.random.default_rng(8)
SHAPE = (600, 700)
MASK = (RNG.random(SHAPE) > 0.5).astype(np.float32)
BYTES = RNG.integers(0, 256, SHAPE, dtype=np.uint8)
LONGS = np.array([[-(2**63), 2**63 - 1], [2**53 + 1, 0]], np.int64)
IMAGE = an_image("img", a_band("b", BYTES, MASK), a_band("f", RNG.random(SHAPE), MASK))
OTHERS = (
    an_image("long", a_band("b", LONGS)),
    an_image("soft", a_band("b", BYTES[:9, :9], RNG.random((9, 9)).astype(np.float32))),
    an_image("full", a_band("b", BYTES[:9, :9], MASK[:9, :9])),
)


@contextmanager
def mirrored(tmp_path: Path, way: str, masks: str = "nodata") -> Iterator[World]:
    direct: dict[str, object] | None = {} if way == "direct" else None
    with (
        Simulator(an_account(IMAGE, *OTHERS), profile=replace(CALM, file_edge=512)) as simulator,
        a_world(simulator, tmp_path, direct=direct) as world,
    ):
        world.enqueue("users/x", masks=masks)
        world.settle()
        yield world


def differences(world: World, share: float = 1.0, scope: Scope | None = None) -> dict[str, str]:
    """Return how images differ, by their names."""
    compared = pixel_comparer(world.config, world.database, share, world.now())
    found = list(filter(None, compared.differences(scope or Scope())))
    assert scope or len(found) == 1 + len(OTHERS)
    return {
        one.name.removeprefix(f"{HOME}/"): f"{one.verdict} {one.what}"
        for one in found
        if one.verdict != Verdict.SOUND
    }


def changed(world: World, name: str) -> None:
    """Have Earth Engine tell one other pixel of an image at the same revision."""
    asset = world.simulator.world.get(f"{HOME}/{name}")
    values = BYTES.copy()
    values[300, 400] ^= 1
    mask = np.ones_like(MASK)
    there = replace(asset, bands=(a_band("b", values, mask), *asset.bands[1:]))
    world.simulator.world.put(there, moves_time=False)


@pytest.mark.parametrize("masks", ["nodata", "separate", "none"])
@pytest.mark.parametrize("way", ["direct", "bucket"])
def test_a_mirror_is_equal_to_earth_engine_pixel_by_pixel_whatever_way_it_came_by(
    tmp_path: Path, way: str, masks: str
) -> None:
    with mirrored(tmp_path, way, masks) as world:
        assert not differences(world)


@pytest.mark.parametrize("way", ["direct", "bucket"])
def test_other_pixels_and_masks_than_earth_engine_has_are_named(tmp_path: Path, way: str) -> None:
    with mirrored(tmp_path, way) as world:
        changed(world, "img")

        found = differences(world, scope=Scope(IMAGE.name))

    pixels = int((MASK == 0).sum() + (MASK[300, 400] > 0))
    assert found == {"img": f"* other pixels than Earth Engine has: band b: {pixels:,} pixels"}


def test_a_share_is_a_share_of_each_image_and_another_one_each_time(tmp_path: Path) -> None:
    with mirrored(tmp_path, "direct") as world:
        asked = []
        for _ in range(2):
            before = len(world.simulator.audit.records("compute_pixels"))
            assert not differences(world, share=0.05)
            records = world.simulator.audit.records("compute_pixels")[before:]
            asked.append([str(one.details) for one in records])
            world.simulator.advance(3600)

    assert len(asked[0]) >= 1 + len(OTHERS)
    assert len(asked[0]) < 10


def test_an_image_of_another_revision_is_not_compared_and_one_that_changes_meanwhile_is_named(
    tmp_path: Path,
) -> None:
    with mirrored(tmp_path, "direct") as world:
        world.simulator.world.touch(f"{HOME}/full")
        world.simulator.faults.add("change", path="computePixels", change={"touch": IMAGE.name})

        found = differences(world)

    assert set(found) == {"img"}
    assert "changed while it was read" in found["img"]


def test_what_is_too_much_for_one_answer_is_compared_in_smaller_ones(tmp_path: Path) -> None:
    with mirrored(tmp_path, "bucket") as world:
        world.simulator.profile = replace(world.simulator.profile, direct_memory_bytes=1_000_000)

        assert not differences(world)


def test_files_that_cannot_be_read_are_an_error_of_their_image(tmp_path: Path) -> None:
    with mirrored(tmp_path, "direct") as world:
        world.files(IMAGE.name)[0].write_bytes(b"no image")
        (world.folder(f"{HOME}/soft") / "geesync.json").write_text("{}")

        found = differences(world)

    assert {name: what[0] for name, what in found.items()} == {
        "img": Verdict.ERROR.value,
        "soft": Verdict.ERROR.value,
    }
