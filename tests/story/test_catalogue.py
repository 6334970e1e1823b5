"""The catalogue of a whole mirror, read by pystac as a stranger would read it."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from geesync.domain.mirror.layout import SIDECARS
from geesync.simulator.simulator import Simulator
from tests.story.accounts import a_band, an_account, an_image
from tests.story.catalogue import Json, documents, hrefs, items, target, validated
from tests.story.world import World, a_world

HOME = "projects/earthengine-legacy/assets/users/demo"


def read(path: Path) -> Json:
    document: Json = json.loads(path.read_text())
    return document


def state_of_files(mirror: Path) -> dict[str, tuple[int, int]]:
    """Return each file's inode and time: a file that is written again gets a new inode."""
    return {
        str(path.relative_to(mirror)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in mirror.rglob("*.json")
    }


def rewritten(world: World, before: dict[str, tuple[int, int]]) -> set[str]:
    after = state_of_files(world.mirror)
    return {path for path, state in after.items() if before.get(path) != state}


@pytest.mark.parametrize("scenario", ["small", pytest.param("demo", marks=pytest.mark.slow)])
def test_the_whole_catalogue_is_valid_and_leads_to_every_asset(
    tmp_path: Path, scenario: str
) -> None:
    with Simulator(scenario) as simulator, a_world(simulator, tmp_path) as world:
        roots = [world.enqueue("users/demo"), world.enqueue("projects/demo-project")]

        world.settle()

        catalogue = validated(world.mirror)
        told = set(items(catalogue)) | {
            str(node.extra_fields.get("ee:name")) for node, _, _ in catalogue.walk()
        }
        there = {asset.name for root in roots for asset in simulator.world.walk(root)}
        assert told - {"None"} == there


def test_times_in_reverse_are_told_in_order_in_a_valid_item(tmp_path: Path) -> None:
    early, late = "2020-01-01T00:00:00Z", "2021-06-01T12:00:00Z"
    image = an_image("img", a_band("b", np.ones((4, 5), "uint8")))
    account = an_account(replace(image, start_time=late, end_time=early))
    with Simulator(account) as simulator, a_world(simulator, tmp_path) as world:
        world.enqueue("users/x")

        world.settle()

        validated(world.mirror)
        told = read(world.mirror / "users/x/img/item.json")["properties"]
        assert (told["start_datetime"], told["end_datetime"]) == (early, late)
        assert read(world.mirror / "users/x/img/asset.json")["startTime"] == late


def test_every_link_is_relative_and_leads_to_a_file(tmp_path: Path) -> None:
    with Simulator("small") as simulator, a_world(simulator, tmp_path) as world:
        world.enqueue("users/demo")

        world.settle()

        for path, document in documents(world.mirror):
            for href in hrefs(document):
                assert not urlsplit(href).scheme
                assert not href.startswith("/")
                assert target(path, href).is_file(), f"{path}: {href}"


def test_a_mirror_that_was_moved_is_still_a_catalogue(tmp_path: Path) -> None:
    with Simulator("small") as simulator, a_world(simulator, tmp_path) as world:
        world.enqueue("users/demo")
        world.settle()

        moved = tmp_path / "elsewhere" / "copy"
        shutil.copytree(world.mirror, moved)
        shutil.rmtree(world.mirror)

        assert len(items(validated(moved))) == 5


def test_checksums_and_grids_are_those_of_the_files(tmp_path: Path) -> None:
    with Simulator("small") as simulator, a_world(simulator, tmp_path) as world:
        world.enqueue("users/demo")

        world.settle()

        folder = world.mirror / "users/demo/elevation"
        asset = read(folder / "item.json")["assets"]["data"]
        content = (folder / "elevation.tif").read_bytes()
        assert asset["file:size"] == len(content)
        assert asset["file:checksum"] == "1220" + hashlib.sha256(content).hexdigest()
        assert asset["proj:shape"] == [47, 61]
        assert [band["name"] for band in asset["bands"]] == ["elevation"]


def test_one_more_image_touches_itself_and_its_collection(tmp_path: Path) -> None:
    with Simulator("small") as simulator, a_world(simulator, tmp_path) as world:
        world.enqueue("users/demo")
        world.settle()
        before = state_of_files(world.mirror)

        simulator.world.copy(f"{HOME}/scenes/s0001", f"{HOME}/scenes/later")
        world.rescan()
        world.settle()

        told = {path for path in rewritten(world, before) if Path(path).name not in SIDECARS}
        assert told == {"users/demo/scenes/later/item.json", "users/demo/scenes/collection.json"}


@pytest.mark.filterwarnings("ignore::pystac.errors.DeprecatedWarning")  # it heeds our mark
def test_a_vanished_image_stays_in_the_catalogue_marked(tmp_path: Path) -> None:
    with Simulator("small") as simulator, a_world(simulator, tmp_path) as world:
        world.enqueue("users/demo")
        world.settle()

        simulator.world.delete(f"{HOME}/scenes/s0001")
        world.rescan()
        world.settle()

        item = items(validated(world.mirror))[f"{HOME}/scenes/s0001"]
        assert item.properties["deprecated"] is True
        assert item.properties["ee:gone"]
        assert Path(str(item.assets["grid1-uint16"].get_absolute_href())).is_file()


def test_a_file_that_is_not_any_more_what_was_proved_gets_no_item(tmp_path: Path) -> None:
    with Simulator("small") as simulator, a_world(simulator, tmp_path) as world:
        world.enqueue("users/demo/elevation")
        world.settle(without="cataloguer")
        (world.mirror / "users/demo/elevation/elevation.tif").write_bytes(b"rot")

        world.run("cataloguer")

        assert not (world.mirror / "users/demo/elevation/item.json").exists()


def test_a_number_that_json_has_not_leaves_the_item_strict_json(tmp_path: Path) -> None:
    image = an_image("scene", a_band("b", np.ones((2, 2))))
    image.properties.update({"slope": float("nan"), "limit": float("-inf")})
    with Simulator(an_account(image)) as simulator, a_world(simulator, tmp_path) as world:
        world.enqueue("users/x")

        world.settle()

        item = (world.mirror / "users/x/scene/item.json").read_text()
        told = json.loads(item, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
        assert told["properties"]["ee:properties"] == {"slope": "NaN", "limit": "-Infinity"}
