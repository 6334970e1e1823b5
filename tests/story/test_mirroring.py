"""A whole account, from nothing to proved files."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from geesync.domain.assets.names import LEGACY
from geesync.simulator.simulator import Simulator
from tests.story.world import BESIDE, World, a_world

HOME = f"{LEGACY}users/demo"
CLOUD = "projects/demo-project/assets"


@pytest.fixture
def small() -> Iterator[Simulator]:
    with Simulator("small") as running:
        yield running


def test_the_power_fails_between_landing_and_the_ledger(small: Simulator, tmp_path: Path) -> None:
    with a_world(small, tmp_path) as world:
        world.enqueue("users/demo")
        world.run_until("in_bucket", f"{HOME}/elevation")
        with world.power_fails_before_the_ledger():
            world.run("downloader")

    with a_world(small, tmp_path) as world:
        world.settle()

        assert world.is_exact(f"{HOME}/elevation")
        assert world.accepted(f"{HOME}/elevation") == 1


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The small account, mirrored whole."""
    folder = tmp_path_factory.mktemp("mirrored")
    with Simulator("small") as simulator, a_world(simulator, folder, workers=BESIDE) as built:
        built.enqueue("users/demo")
        built.enqueue("projects/demo-project")
        built.settle()
        yield built


def names(world: World, kind: str = "") -> list[str]:
    roots = (HOME, CLOUD)
    assets = [asset for root in roots for asset in world.simulator.world.walk(root)]
    return [asset.name for asset in assets if kind in ("", asset.type)]


def test_every_asset_is_verified(world: World) -> None:
    assert {name: world.state(name) for name in names(world)} == dict.fromkeys(
        names(world), "verified"
    )
    assert world.counts() == {"verified": len(names(world))}


def test_every_image_is_there_pixel_by_pixel(world: World) -> None:
    images = names(world, "IMAGE")

    assert len(images) == 6
    assert [name for name in images if not world.is_exact(name)] == []


def test_every_part_was_exported_once_and_none_was_missed(world: World) -> None:
    accepted = {name: world.accepted(name) for name in names(world)}

    assert accepted == {
        **dict.fromkeys(names(world), 0),
        f"{HOME}/elevation": 1,
        f"{HOME}/deep/er/landcover": 1,
        **{f"{HOME}/scenes/s000{number}": 3 for number in range(3)},
        f"{CLOUD}/pixel": len(world.exports(f"{CLOUD}/pixel")),
        f"{CLOUD}/stations": 2,
        f"{CLOUD}/oddities": 3,  # its CSV lacked columns that only some rows have
    }


def test_the_folders_on_disk_are_the_accounts(world: World) -> None:
    for name in names(world):
        assert (world.folder(name) / "asset.json").is_file(), name
    assert (world.mirror / "users/demo/deep/er/landcover/landcover.tif").is_file()
    assert (world.mirror / "users/demo/empty/asset.json").is_file()
    assert (world.mirror / CLOUD / "pixel/pixel.tif").is_file()


def test_what_earth_engine_says_is_kept_word_for_word(world: World) -> None:
    kept = json.loads((world.folder(f"{HOME}/elevation") / "asset.json").read_text())

    assert kept["properties"] == {"source": "survey", "tiles": 4, "accuracy_m": 1.5}
    assert kept["bands"][0]["pyramidingPolicy"] == "MEAN"


def test_every_row_of_a_table_is_there(world: World) -> None:
    (text, shapes) = world.files(f"{CLOUD}/oddities")

    with text.open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 24
    features = json.loads(shapes.read_text())["features"]
    assert len(features) == 24
    assert "Zürich" in {feature["properties"].get("name") for feature in features}


def test_what_cannot_be_taken_is_said_with_its_reason(world: World) -> None:
    assert world.state(f"{CLOUD}/forest") == "verified"
    assert "CLASSIFIER" in world.show(f"{CLOUD}/forest")["left_out"]
    assert world.status().left_out == 1


def test_nothing_is_left_in_the_making(world: World) -> None:
    left = [*world.mirror.rglob("*.part"), *world.mirror.rglob("*.new")]

    assert left == []


def test_the_bucket_is_empty_again(world: World) -> None:
    deleted = world.simulator.audit.count("object_delete")

    assert world.status().staged_bytes == 0
    assert deleted >= sum(len(world.files(name)) for name in names(world))


def test_a_second_look_asks_for_nothing_and_writes_nothing(world: World) -> None:
    exports = world.simulator.audit.count("export")
    events = sum(len(world.history(name)) for name in names(world))

    world.service.roots.scan_all(world.now())
    world.settle()

    assert world.simulator.audit.count("export") == exports
    assert sum(len(world.history(name)) for name in names(world)) == events
