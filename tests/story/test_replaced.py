"""What Earth Engine says in two ways, or calls by an old name, is taken for what it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from geesync.bootstrap import checker, comparer
from geesync.simulator import CALM
from geesync.simulator.simulator import Simulator
from geesync.simulator.world.pixels import SimAsset
from geesync.store.copies.checks import Scope
from geesync.store.views.status import completeness_of
from tests.story.accounts import HOME, a_band, an_account, an_image
from tests.story.catalogue import documents, hrefs, items, target, validated
from tests.story.world import World, a_world

VALUES = np.arange(108).reshape(9, 12).astype("uint8")
BOX = f"{HOME}/c"
TIME = "2024-01-01T00:00:00Z"


def a_collection(kind: str = "IMAGE_COLLECTION") -> SimAsset:
    return SimAsset(BOX, kind, update_time=TIME)


def images() -> list[SimAsset]:
    return [an_image(f"c/{name}", a_band("b", VALUES)) for name in ("a", "b")]


@pytest.fixture(params=["IMAGE_COLLECTION", "FOLDER"])
def world(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    account = an_account(a_collection(request.param), *images())
    with Simulator(account) as simulator, a_world(simulator, tmp_path) as built:
        built.enqueue("users/x")
        built.settle()
        yield built


def look_again(world: World) -> None:
    world.simulator.advance(60)
    world.rescan()
    world.settle()


def strange(world: World) -> list[str]:
    """Return what lies in the folder of what was replaced, and nobody knows."""
    with checker(world.config, world.database) as built:
        found = map(Path, built.unknown(world.mirror, ""))
        return [path.name for path in found if path.parent == world.folder(BOX)]


def test_a_container_that_an_image_replaced_leaves_its_children_gone(world: World) -> None:
    world.simulator.world.delete(BOX, recursive=True)
    world.simulator.world.put(an_image("c", a_band("b", VALUES + 1)))

    look_again(world)

    assert world.is_exact(BOX)
    assert {world.state(f"{BOX}/{name}") for name in "ab"} == {"gone"}
    assert (world.folder(f"{BOX}/a") / "a.tif").is_file()
    assert BOX in items(validated(world.mirror))
    told = [(path, href) for path, told in documents(world.mirror) for href in hrefs(told)]
    assert [(path, href) for path, href in told if not target(path, href).exists()] == []
    assert strange(world) == []
    assert completeness_of(world.config.ledger).is_complete


def test_an_image_that_a_container_replaced_is_kept_as_its_old_version(world: World) -> None:
    world.simulator.world.delete(BOX, recursive=True)
    world.simulator.world.put(an_image("c", a_band("b", VALUES + 1)))
    look_again(world)
    world.simulator.world.delete(BOX)
    world.simulator.world.put(a_collection())
    for image in images():
        world.simulator.world.put(image)

    look_again(world)

    assert {world.state(f"{BOX}/{name}") for name in "ab"} == {"verified"}
    assert world.is_exact(f"{BOX}/a")
    assert list(world.folder(BOX).glob(".versions/*/c.tif"))
    assert {f"{BOX}/a", f"{BOX}/b"} <= items(validated(world.mirror)).keys()
    assert strange(world) == []


def test_a_listing_that_tells_another_time_than_the_asset_exports_nothing_twice(
    tmp_path: Path,
) -> None:
    account = an_account(a_collection(), *images())
    profile = replace(CALM, listed_update_time="earlier")
    with Simulator(account, profile=profile) as simulator, a_world(simulator, tmp_path) as world:
        world.enqueue("users/x")
        world.settle()
        for _ in range(3):
            look_again(world)

        assert {world.accepted(f"{BOX}/{name}") for name in "ab"} == {1}
        with comparer(world.config, world.database) as compared:
            assert list(compared.differences(Scope())) == []
        simulator.world.touch(f"{BOX}/a")
        look_again(world)
        assert world.accepted(f"{BOX}/a") == 2
        assert world.accepted(f"{BOX}/b") == 1


def test_a_table_that_does_not_tell_its_rows_is_no_table_of_none(tmp_path: Path) -> None:
    stations = "projects/demo-project/assets/stations"
    profile = replace(CALM, feature_count="absent")
    with Simulator("small", profile=profile) as simulator, a_world(simulator, tmp_path) as world:
        world.enqueue(stations)

        world.settle()

        assert world.state(stations) == "verified"
        assert len((world.folder(stations) / "stations.csv").read_text().splitlines()) > 1
