"""What changes upstream is taken anew, and the copy that was good stays until the new one is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio

from geesync.adapters.mirrored.mirrored_pixels import read_image
from geesync.simulator.simulator import Simulator
from geesync.simulator.world.pixels import SimAsset, SimBand
from tests.story.accounts import HOME, a_band, an_account, an_image
from tests.story.world import World, a_world

VALUES = np.arange(108).reshape(9, 12).astype("uint8")
IMAGE = an_image("img", a_band("b", VALUES))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with (
        Simulator(an_account(SimAsset(f"{HOME}/c", "IMAGE_COLLECTION"), IMAGE)) as simulator,
        a_world(simulator, tmp_path) as built,
    ):
        built.enqueue("users/x")
        built.settle()
        yield built


def change(world: World, *bands: SimBand) -> None:
    world.simulator.world.put(an_image("img", *bands))
    look_again(world)


def look_again(world: World) -> None:
    world.service.roots.scan_all(world.now())


def folder(world: World) -> Path:
    return world.mirror / "users/x/img"


def contents(world: World) -> dict[str, bytes]:
    """Return the present copy; how the catalogue tells of it is not part of it."""
    files = (path for path in folder(world).iterdir() if path.is_file())
    return {path.name: path.read_bytes() for path in files if path.name != "item.json"}


def versions(world: World) -> list[Path]:
    return sorted((folder(world) / ".versions").glob("*"))


def told(place: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((place / "geesync.json").read_text())
    return read


def values(file: Path) -> Any:
    with rasterio.open(file) as dataset:
        return dataset.read(1)


def test_a_changed_image_is_taken_anew_and_its_old_copy_is_kept_aside(world: World) -> None:
    first = told(folder(world))["revision"]

    change(world, a_band("b", VALUES[::-1]))
    world.settle()

    np.testing.assert_array_equal(read_image(folder(world))["b"].values, VALUES[::-1])
    (old,) = versions(world)
    assert told(old)["revision"] == first
    assert json.loads((old / "asset.json").read_text())["updateTime"] == first
    np.testing.assert_array_equal(read_image(old)["b"].values, VALUES)


def test_the_old_copy_stays_in_its_place_until_the_new_one_is_proved(world: World) -> None:
    before = contents(world)
    world.simulator.operations.fail("img", 3, "No such luck.", count=None)

    change(world, a_band("b", VALUES[::-1]))
    world.settle(tick_s=3600)

    assert world.counts()["quarantined"] == 1
    assert contents(world) == before


def test_files_of_parts_that_are_no_more_go_with_their_version(world: World) -> None:
    change(world, a_band("b", VALUES), a_band("c", VALUES.astype("float32")))
    world.settle()

    assert contents(world).keys() == {
        *("asset.json", "geesync.json", "iam.json"),
        *("img.int16.tif", "img.float64.tif"),
    }
    assert {path.name for path in versions(world)[0].iterdir()} == {
        *("asset.json", "geesync.json", "iam.json", "img.tif"),
    }


def test_as_many_older_copies_stay_as_the_root_asks_for(world: World) -> None:
    world.enqueue("users/x", keep_versions=2)

    for number in range(4):
        change(world, a_band("b", VALUES + np.uint8(number)))
        world.settle()
        world.simulator.advance(60)

    kept = [int(values(version / "img.tif")[0, 0]) for version in versions(world)]
    assert kept == [1, 2]
    assert values(folder(world) / "img.tif")[0, 0] == 3


def test_no_older_copy_stays_where_none_is_asked_for(world: World) -> None:
    world.enqueue("users/x", keep_versions=0)

    change(world, a_band("c", VALUES.astype("float64")))
    world.settle()

    assert not versions(world)
    assert contents(world).keys() == {
        *("asset.json", "geesync.json", "iam.json"),
        *("img.tif", "img.mask.tif", "img.vrt"),
    }


def test_a_change_of_metadata_only_moves_no_bytes_that_are_here_already(world: World) -> None:
    bytes_asked = world.simulator.faults.add(
        "delay", server="storage", path="alt=media", count=None
    )

    world.simulator.world.touch(IMAGE.name)
    look_again(world)
    world.settle()

    assert bytes_asked.seen == 0
    assert told(folder(world))["revision"] != told(versions(world)[0])["revision"]
    for place in (folder(world), versions(world)[0]):
        np.testing.assert_array_equal(read_image(place)["b"].values, VALUES)


def test_what_vanishes_upstream_stays_on_disk(world: World) -> None:
    before = contents(world)
    world.simulator.world.delete(IMAGE.name)

    look_again(world)
    world.settle()

    assert world.counts()["gone"] == 1
    assert contents(world) == before
