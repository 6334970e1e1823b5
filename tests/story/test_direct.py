"""An account comes home without a bucket, without a task: read from Earth Engine, tile by tile."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from geesync.adapters.mirrored.mirrored_pixels import read_image
from geesync.simulator.profiles import CALM, Profile
from geesync.simulator.scenarios import Tree
from geesync.simulator.simulator import Simulator
from geesync.simulator.wire.audit import Kind
from geesync.simulator.wire.faults import Fault
from geesync.simulator.world.pixels import SimAsset, SimFeature
from tests.story.accounts import HOME, a_band, an_account, an_image
from tests.story.world import World, a_world

RNG = np.random.default_rng(3)
VALUES = RNG.integers(0, 256, (600, 700), dtype=np.uint8)
MASK = (RNG.random((600, 700)) > 0.5).astype(np.float32)
IMAGE = an_image("img", a_band("b", VALUES, MASK))

Open = Callable[..., AbstractContextManager[World]]


@pytest.fixture
def opened(tmp_path: Path) -> Open:
    """Give what opens a world that has no bucket."""

    @contextmanager
    def opening(*assets: SimAsset, profile: Profile = CALM, **direct: object) -> Iterator[World]:
        account: str | Tree = an_account(*assets) if assets else "small"
        with (
            Simulator(account, profile=profile) as simulator,
            a_world(simulator, tmp_path, direct=direct) as world,
        ):
            yield world

    return opening


def asked(world: World, kind: Kind = "compute_pixels") -> list[Any]:
    return list(world.simulator.audit.records(kind))


def described(world: World, which: str) -> Fault:
    """Return what counts the requests for single assets from now on."""
    path = rf"/{which}[^:]*$"
    return world.simulator.faults.add("status", method="GET", path=path, count=0)


def sidecar(world: World, name: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((world.folder(name) / "geesync.json").read_text())
    return told


def test_an_account_comes_home_without_a_bucket_and_without_a_task(opened: Open) -> None:
    with opened(reread="all") as world:
        root = world.enqueue("users/demo")

        world.settle()

        assert set(world.counts()) == {"verified"}
        assert asked(world, "export") == []
        for asset in world.simulator.world.walk(root):
            assert asset.type != "IMAGE" or world.is_exact(asset.name), asset.name


def test_a_small_image_takes_one_request_and_its_collection_one_page(opened: Open) -> None:
    images = [an_image(f"col/i{n}", a_band("b", VALUES[:20, :20])) for n in range(25)]
    collection = SimAsset(f"{HOME}/col", "IMAGE_COLLECTION")
    with opened(collection, *images, reread="none") as world:
        world.enqueue("users/x")
        world.run("discoverer")
        alone = described(world, "col/i")

        world.run("fetcher")

        assert len(asked(world)) == 25
        assert alone.seen == 0


def test_the_sidecar_says_by_which_way_the_bytes_came_and_what_vouches_for_them(
    opened: Open,
) -> None:
    with opened(IMAGE, reread="all") as world:
        world.enqueue("users/x")
        world.settle()

        (part,) = sidecar(world, IMAGE.name)["parts"]
        item = json.loads((world.folder(IMAGE.name) / "item.json").read_text())
        stac = item["assets"]["data"]

    assert part["way"] == "direct"
    assert (part["requests"], part["read_again"]) == (3, 2)
    assert "2 tiles read a second time" in part["vouched_by"]
    assert (stac["ee:way"], stac["ee:vouched_by"]) == (part["way"], part["vouched_by"])


def test_64_bit_integers_come_home_unrounded(opened: Open) -> None:
    values = np.array([[-(2**63), 2**63 - 1], [2**53 + 1, 0]], np.int64)
    image = an_image("long", a_band("b", values))
    with opened(image) as world:
        world.enqueue("users/x")
        world.settle()

        found = read_image(world.folder(image.name))["b"]

    assert found.values.dtype == np.int64
    assert found.values.tolist() == values.tolist()


def test_an_answer_that_is_too_much_is_asked_for_in_smaller_ones(opened: Open) -> None:
    small = replace(CALM, direct_memory_bytes=1_000_000)
    with opened(IMAGE, profile=small) as world:
        world.enqueue("users/x")

        world.settle()

        assert world.is_exact(IMAGE.name)
        assert "FetchFailed" in world.history(IMAGE.name)


def test_what_no_answer_is_small_enough_for_is_named_with_what_to_do(opened: Open) -> None:
    with opened(IMAGE, profile=replace(CALM, direct_memory_bytes=10_000)) as world:
        world.enqueue("users/x")

        world.settle()

        assert world.state(IMAGE.name) == "quarantined"
        assert "configure one" in str(world.show(IMAGE.name)["reason"])


def test_what_no_answer_is_small_enough_for_goes_by_the_bucket_if_there_is_one(
    tmp_path: Path,
) -> None:
    small = replace(CALM, direct_memory_bytes=10_000)
    with (
        Simulator(an_account(IMAGE), profile=small) as simulator,
        a_world(simulator, tmp_path, direct={}, bucket=True) as world,
    ):
        world.enqueue("users/x")

        world.settle()

        assert world.is_exact(IMAGE.name)
        assert world.accepted(IMAGE.name) == 1


def test_what_was_too_large_goes_by_the_bucket_once_there_is_one(tmp_path: Path) -> None:
    small = replace(CALM, direct_memory_bytes=10_000)
    with Simulator(an_account(IMAGE), profile=small) as simulator:
        with a_world(simulator, tmp_path, direct={}) as world:
            world.enqueue("users/x")
            world.settle()
            assert world.state(IMAGE.name) == "quarantined"
            simulator.world.put(an_image("large", *(a_band(f"b{n}", VALUES) for n in range(70))))
            world.rescan()
            world.run("discoverer")

        with a_world(simulator, tmp_path, direct={"most_answers": 1}, bucket=True) as world:
            world.settle()

            for name in (IMAGE.name, f"{HOME}/large"):
                assert world.is_exact(name)
                assert world.accepted(name) == 1


def test_an_image_of_many_answers_goes_by_the_bucket_if_there_is_one(tmp_path: Path) -> None:
    with (
        Simulator(an_account(IMAGE)) as simulator,
        a_world(simulator, tmp_path, direct={"most_answers": 1}, bucket=True) as world,
    ):
        small = an_image("small", a_band("b", VALUES[:9, :9]))
        large = an_image("large", *(a_band(f"b{n}", VALUES) for n in range(70)))
        for image in (small, large):
            simulator.world.put(image)
        world.enqueue("users/x")

        world.settle()

        assert set(world.counts()) == {"verified"}
        assert (world.accepted(small.name), world.accepted(large.name)) == (0, 1)


def test_an_image_that_changes_between_two_tiles_is_read_again(opened: Open) -> None:
    small = replace(CALM, direct_memory_bytes=1_000_000)
    other = an_image("other", a_band("b", 255 - VALUES, MASK))
    with opened(IMAGE, other, profile=small, at_once=1, reread="none") as world:
        world.enqueue("users/x", exclude=["other"])
        change = world.simulator.faults.add(
            "change", path="computePixels", skip=2, change={"copy": other.name, "to": IMAGE.name}
        )

        world.settle()

        assert change.fired == 1
        assert "SourceChanged" in world.history(IMAGE.name)
        assert world.is_exact(IMAGE.name)


def test_two_readings_that_differ_are_never_called_verified(opened: Open) -> None:
    with opened(IMAGE, reread="all") as world:
        world.enqueue("users/x")
        world.simulator.faults.add("corrupt", path="computePixels", after_bytes=100_000)

        world.settle()

        assert world.state(IMAGE.name) == "quarantined"
        assert "two readings differ" in str(world.show(IMAGE.name)["reason"])
        assert world.files(IMAGE.name) == []


def test_an_answer_of_another_image_is_never_called_verified(opened: Open) -> None:
    other = an_image("other", a_band("b", 255 - VALUES, MASK))
    with opened(IMAGE, other, reread="all") as world:
        world.enqueue("users/x", exclude=["other"])
        mixed = world.simulator.faults.add(
            "mix_up", path="computePixels", change={"asset": IMAGE.name, "for": other.name}
        )

        world.settle()

        assert mixed.fired == 1
        assert world.state(IMAGE.name) == "quarantined"
        assert "two readings differ" in str(world.show(IMAGE.name)["reason"])
        assert world.files(IMAGE.name) == []


def test_answers_of_two_tiles_that_are_swapped_are_refused_and_asked_for_again(
    opened: Open,
) -> None:
    other = an_image("other", a_band("b", 255 - VALUES, MASK))
    with opened(IMAGE, other, reread="none") as world:
        world.enqueue("users/x")
        swapped = world.simulator.faults.add("swap", path="computePixels", count=2)

        world.settle()

        assert swapped.fired == 2
        assert len(asked(world)) == 4
        for image in (IMAGE, other):
            assert world.is_exact(image.name)


@pytest.mark.parametrize("bands", [0, 1])
def test_a_band_without_an_extent_is_named_and_the_others_are_taken(
    opened: Open, bands: int
) -> None:
    nowhere = replace(a_band("nowhere", VALUES[:0, :0]), load=lambda: (VALUES[:0, :0], None))
    image = an_image("odd", nowhere, *[a_band("b", VALUES[:9, :9])] * bands)
    with opened(image) as world:
        world.enqueue("users/x")

        world.settle()

        assert world.state(image.name) == "verified"
        assert "band nowhere has no extent" in str(world.show(image.name))
        assert list(read_image(world.folder(image.name))) == ["b"] * bands


def test_rights_that_were_revoked_cost_nothing_but_time(opened: Open) -> None:
    with opened(IMAGE) as world:
        world.enqueue("users/x")
        world.run("discoverer")
        forbidden = world.simulator.faults.add(
            "status", path="computePixels", status=403, count=None
        )
        for _ in range(20):
            world.run("fetcher")
            world.simulator.advance(3600)
        world.simulator.faults.clear()

        world.settle()

        assert forbidden.fired
        assert "FetchFailed" not in world.history(IMAGE.name)
        assert world.is_exact(IMAGE.name)


@pytest.mark.filterwarnings("ignore:.*restricted mode")  # the client tells, too
def test_an_outage_costs_nothing_but_time_and_a_project_that_is_slowed_down_is_told(
    opened: Open,
) -> None:
    with opened(IMAGE, profile=replace(CALM, restricted=True), reread="none") as world:
        world.enqueue("users/x")
        world.run("discoverer")
        outage = world.simulator.faults.add("status", path="computePixels", count=None)
        for _ in range(20):
            world.run("fetcher")
            world.simulator.advance(3600)
        world.simulator.faults.clear()

        world.settle()

        assert 3 <= outage.fired <= 3 * 20
        assert "FetchFailed" not in world.history(IMAGE.name)
        assert world.is_exact(IMAGE.name)
        assert "slowed down by Earth Engine" in world.service.brakes.direct().text


def test_the_budget_of_compute_holds_direct_reading_too(opened: Open) -> None:
    images = [an_image(f"i{n}", a_band("b", VALUES[:9, :9])) for n in range(3)]
    with opened(*images, eecu_s_per_answer=3600, reread="none") as world:
        world.limit(eecu_hours_per_month=2)
        world.enqueue("users/x")
        world.run("discoverer", "fetcher")

        world.simulator.world.put(an_image("late", a_band("b", VALUES[:9, :9])))
        world.rescan()
        world.run("discoverer", "fetcher")
        held = world.state(f"{HOME}/late")
        world.simulator.advance(31 * 86_400)
        world.run("fetcher", "verifier")

        assert held == "discovered"
        assert world.state(f"{HOME}/late") == "verified"


def test_a_table_comes_home_with_the_columns_of_all_its_rows(opened: Open) -> None:
    rows = [SimFeature(f"{n}", None, {"early": n} if n < 3 else {"late": n}) for n in range(5)]
    table = SimAsset(f"{HOME}/t", "TABLE", features=lambda: iter(rows), feature_count=5)
    with opened(table) as world:
        world.enqueue("users/x")
        world.settle()

        csv = (world.folder(table.name) / "t.csv").read_text()
        geojson = json.loads((world.folder(table.name) / "t.geojson").read_text())

        assert csv.splitlines()[0] == '"system:index","early","late",".geo"'
        assert [one["id"] for one in geojson["features"]] == ["0", "1", "2", "3", "4"]
        assert asked(world, "export") == []


def test_an_image_that_goes_well_is_one_line_of_the_log(opened: Open) -> None:
    with opened(IMAGE) as world, capture_logs() as logged:
        world.enqueue("users/x")
        world.settle()

    told = [line for line in logged if line.get("asset") == f"{HOME}/img"]
    assert [line["event_name"] for line in told if line["log_level"] != "debug"] == ["CheckPassed"]
