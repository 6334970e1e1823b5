"""Parts that go wrong are planned anew or taken again, and only they."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from geesync.adapters.mirrored.mirrored_pixels import read_image
from geesync.simulator.profiles import CALM
from geesync.simulator.simulator import Simulator
from geesync.simulator.world.pixels import SimAsset
from tests.story.accounts import a_band, an_account, an_image
from tests.story.world import World, a_world

ROWS, COLUMNS = 9, 12
VALUES = np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS)
MASK = VALUES % 3 > 0


@contextmanager
def an_account_of(folder: Path, *assets: SimAsset, file_edge: int | None = None) -> Iterator[World]:
    profile = replace(CALM, file_edge=file_edge)
    account = an_account(*assets)
    with Simulator(account, profile=profile) as simulator, a_world(simulator, folder) as world:
        yield world


def exports(world: World, name: str) -> list[tuple[str, str]]:
    """Return (part, state) of each export of an asset, oldest first."""
    told: Any = world.show(f"projects/earthengine-legacy/assets/users/x/{name}")["exports"]
    return [(export["part"], export["state"]) for export in told]


def sidecar(world: World, name: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((world.mirror / f"users/x/{name}/geesync.json").read_text())
    return told


#: Beyond what is declared of it.
LYING = np.where(VALUES == 50, 20_000, VALUES).astype("uint16")


def a_lying_image() -> SimAsset:
    return an_image("img", a_band("b", LYING, MASK, declared=(0, 10_000)))


def test_a_band_that_does_not_keep_to_its_declared_range_gets_its_mask_as_a_file(
    tmp_path: Path,
) -> None:
    with an_account_of(tmp_path, a_lying_image()) as world:
        world.enqueue("users/x")

        world.settle()

        assert world.counts() == {"verified": 2}
        assert exports(world, "img") == [
            (".tif", "disproved"),
            (".tif", "succeeded"),
            ("mask.tif", "succeeded"),
        ]
        found = read_image(world.mirror / "users/x/img")["b"]
        np.testing.assert_array_equal(found.values[MASK], LYING[MASK])
        np.testing.assert_array_equal(found.mask > 0, MASK)


def test_what_an_export_left_that_was_no_good_does_not_count_as_staged_for_ever(
    tmp_path: Path,
) -> None:
    with an_account_of(tmp_path, a_lying_image()) as world:
        world.enqueue("users/x")

        world.settle()

        assert (".tif", "disproved") in exports(world, "img")
        assert world.service.brakes.usage.staged_bytes() == 0


def test_an_image_that_is_masked_everywhere_is_mirrored_in_every_mode(tmp_path: Path) -> None:
    nothing = np.zeros_like(MASK)
    image = an_image("img", a_band("b", VALUES.astype("uint8"), nothing))
    with an_account_of(tmp_path, image) as world:
        for mode in ("nodata", "separate", "none"):
            world.enqueue("users/x", masks=mode)
            world.simulator.world.touch(image.name)

            world.settle()

            assert world.counts() == {"verified": 2}
            assert sidecar(world, "img")["masks"] == mode


def test_what_is_too_much_for_earth_engine_is_halved_by_bands(tmp_path: Path) -> None:
    names = ("b1", "b2", "b3")
    image = an_image("img", *(a_band(name, VALUES.astype("uint8"), MASK) for name in names))
    with an_account_of(tmp_path, image) as world:
        world.simulator.operations.fail("img", 3, "User memory limit exceeded.")
        world.enqueue("users/x")

        world.settle()

        assert world.counts() == {"verified": 2}
        assert exports(world, "img") == [
            (".tif", "failed"),
            ("bands_a.tif", "succeeded"),
            ("bands_b.tif", "succeeded"),
        ]
        assert list(read_image(world.mirror / "users/x/img")) == list(names)


def test_a_band_that_is_too_much_comes_in_smaller_files(tmp_path: Path) -> None:
    large = np.arange(300 * 600).reshape(300, 600).astype("int32")
    image = an_image("img", a_band("b", large))
    with an_account_of(tmp_path, image) as world:
        world.simulator.operations.fail("img", 3, "Computation timed out.", count=3)
        world.enqueue("users/x")

        world.settle()

        assert world.counts() == {"verified": 2}
        (part,) = sidecar(world, "img")["parts"]
        assert len(part["files"]) == 2
        np.testing.assert_array_equal(read_image(world.mirror / "users/x/img")["b"].values, large)


def test_a_file_that_rots_before_it_is_verified_is_fetched_again_not_exported_again(
    tmp_path: Path,
) -> None:
    image = an_image("img", a_band("b", VALUES.astype("float64"), MASK))
    with an_account_of(tmp_path, image) as world:
        world.enqueue("users/x")
        while not (files := list(world.mirror.rglob("img.tif.*.new"))):
            world.run("discoverer", "exporter", "reconciler", "downloader")
        files[0].write_bytes(files[0].read_bytes()[:-1] + b"?")

        world.settle()

        assert world.counts() == {"verified": 2}
        assert exports(world, "img") == [(".tif", "succeeded"), ("mask.tif", "succeeded")]
        read_image(world.mirror / "users/x/img")


def test_a_staged_object_that_is_lost_is_exported_again_and_its_sibling_is_not(
    tmp_path: Path,
) -> None:
    image = an_image("img", a_band("b", VALUES.astype("float64"), MASK))
    with an_account_of(tmp_path, image) as world:
        world.enqueue("users/x")
        world.run("discoverer", "exporter", "reconciler")
        world.delete_staged(next(name for name in world.staged() if name.endswith("/img.tif")))

        world.settle()

        assert world.counts() == {"verified": 2}
        assert sorted(exports(world, "img")) == [
            (".tif", "disproved"),
            (".tif", "succeeded"),
            ("mask.tif", "succeeded"),
        ]
