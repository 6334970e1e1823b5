"""Exactly one export for each part, whatever happens between the ask and its end."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geesync.domain.assets.names import display_id
from geesync.domain.tasks.lifecycle import Disproved
from geesync.errors import Cause
from geesync.simulator.profiles import CALM, Profile, always
from geesync.simulator.simulator import Simulator
from geesync.simulator.world.pixels import SimAsset
from geesync.store.tasks.tasks import TaskMove
from tests.story.accounts import HOME, a_band, an_account
from tests.story.world import World, a_world

VALUES = np.arange(12 * 9, dtype="uint8").reshape(9, 12)
NUMBERS = count()
SLOW = replace(CALM, run_s=always(90), running_slots=50)


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(an_account(), profile=SLOW) as running:
        yield running


@pytest.fixture
def home(simulator: Simulator) -> str:
    """A folder of this test's own with one image in it."""
    return furnished(simulator)


def furnished(simulator: Simulator, *names: str) -> str:
    folder = f"{HOME}/f{next(NUMBERS)}"
    simulator.world.put(SimAsset(folder, "FOLDER"))
    for name in names or ("img",):
        band = a_band("b", VALUES)
        simulator.world.put(SimAsset(f"{folder}/{name}", "IMAGE", bands=(band,)))
    return folder


@pytest.fixture
def world(simulator: Simulator, home: str, tmp_path: Path) -> Iterator[World]:
    with a_world(simulator, tmp_path) as built:
        built.enqueue(home)
        yield built
    simulator.faults.clear()


def operation(world: World, name: str) -> Any:
    """Return the simulator's operation of an asset's last export."""
    told = world.show(name)["exports"][-1]["operation"]
    return world.simulator.operations.get(told)


# --- An answer that was lost.


def test_an_export_whose_answer_was_lost_is_adopted_and_not_asked_for_twice(
    world: World, home: str
) -> None:
    fault = world.simulator.faults.add("drop_response", method="POST", path="image:export")

    world.settle()

    assert fault.fired == 1
    assert world.accepted(f"{home}/img") == 1
    assert world.is_exact(f"{home}/img")


def test_an_export_that_is_adopted_while_it_is_asked_for_waits_for_no_answer(
    world: World, home: str
) -> None:
    world.run("discoverer")
    slow = world.simulator.faults.add("trickle", path="image:export", after_bytes=400, seconds=0.1)

    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(world.run, "exporter")
        while not asking.done():
            world.run("reconciler")
    first = world.show(f"{home}/img")
    world.run("exporter")

    assert slow.fired == 1
    assert first["cause"] is None
    assert world.state(f"{home}/img") == "exporting"


@pytest.mark.parametrize("duplicates", ["same_operation", "refuse"])
@pytest.mark.parametrize("list_lag_s", [(0.0, 0.0), (30.0, 30.0)])
def test_it_is_adopted_whatever_a_repeated_request_is_answered(
    tmp_path: Path, duplicates: Any, list_lag_s: tuple[float, float]
) -> None:
    profile = replace(SLOW, duplicates=duplicates, list_lag_s=list_lag_s)
    with Simulator(an_account(), profile=profile) as simulator:
        home = furnished(simulator)
        with a_world(simulator, tmp_path) as world:
            world.enqueue(home)
            simulator.faults.add("drop_response", method="POST", path="image:export", count=2)

            world.settle()

            assert world.accepted(f"{home}/img") == 1
            assert world.exports(f"{home}/img") == ["succeeded"]


def test_a_refused_repetition_of_what_never_started_is_asked_for_anew(tmp_path: Path) -> None:
    """A request id may be burnt by a refusal; only time tells that nothing runs."""
    with Simulator(an_account(), profile=SLOW) as simulator:
        home = furnished(simulator)
        with a_world(simulator, tmp_path) as world:
            world.enqueue(home)
            refusal = "A different Operation was already started with the given request_id."
            simulator.faults.add("status", path="image:export", status=409, body=refusal)

            world.settle()

            assert world.exports(f"{home}/img") == ["lost", "succeeded"]
            assert world.accepted(f"{home}/img") == 1


def test_a_crash_between_the_ask_and_its_answer_costs_no_second_export(
    simulator: Simulator, home: str, tmp_path: Path
) -> None:
    with a_world(simulator, tmp_path) as world:
        world.enqueue(home)
        simulator.faults.add("drop_response", method="POST", path="image:export", count=1)
        world.run("discoverer", "exporter")

    with a_world(simulator, tmp_path) as world:
        world.settle()

        assert world.accepted(f"{home}/img") == 1
        assert world.is_exact(f"{home}/img")


# --- The queue.


def test_a_full_queue_is_waited_for_and_asked_again_with_a_new_id(tmp_path: Path) -> None:
    profile = replace(CALM, queue_limit=3, running_slots=1, run_s=always(100))
    with Simulator(an_account(), profile=profile) as simulator:
        home = furnished(simulator)
        simulator.operations.start_foreign(3, project=simulator.project, run_s=600.0)
        simulator.advance(1)
        simulator.operations.start_foreign(1, project=simulator.project, run_s=600.0)
        with a_world(simulator, tmp_path) as world:
            world.enqueue(home)

            world.run()
            assert world.exports(f"{home}/img") == ["refused"]
            assert world.show(f"{home}/img")["cause"] == Cause.QUEUE_FULL
            world.settle()

            told = world.show(f"{home}/img")
            assert told["failures"] == 0
            assert len({export["token"] for export in told["exports"]}) == len(told["exports"])
            assert world.accepted(f"{home}/img") == 1


def test_no_more_than_allowed_are_under_way_at_once(simulator: Simulator, tmp_path: Path) -> None:
    home = furnished(simulator, *(f"i{number}" for number in range(7)))
    with a_world(simulator, tmp_path, max_operations=3) as world:
        world.enqueue(home)
        most = 0
        while set(world.counts()) != {"verified"}:
            world.run()
            most = max(most, sum(world.status().operations.values()))
            simulator.advance(30)

        assert most == 3
        assert all(world.accepted(f"{home}/i{number}") == 1 for number in range(7))


def test_room_is_left_for_other_peoples_tasks(simulator: Simulator, tmp_path: Path) -> None:
    home = furnished(simulator, "a", "b")
    with a_world(simulator, tmp_path, max_queue=5) as world:
        world.service.roots.put("queue", '{"queued": 4}', world.now())
        world.enqueue(home)

        world.run("discoverer", "exporter")

        assert sorted(world.exports(f"{home}/{name}") for name in "ab") == [[], ["running"]]


# --- Ends of operations.


def test_somebodys_cancelling_is_respected(world: World, home: str) -> None:
    world.run("discoverer", "exporter")
    world.simulator.operations.cancel(operation(world, f"{home}/img").name)

    world.settle()

    told = world.show(f"{home}/img")
    assert (told["state"], told["cause"]) == ("quarantined", Cause.CANCELLED)
    assert world.accepted(f"{home}/img") == 1


def test_a_failed_export_is_tried_again_later_each_time_and_then_quarantined(
    world: World, home: str
) -> None:
    pattern = display_id(f"{home}/img").replace("/", "-")
    world.simulator.operations.fail(pattern, 13, "Internal error.", count=None)

    world.settle()

    told = world.show(f"{home}/img")
    assert (told["state"], told["cause"]) == ("quarantined", Cause.FAILED)
    assert told["reason"] == "Internal error."
    assert world.accepted(f"{home}/img") == 5
    asked = [export["intended_at"] for export in told["exports"]]
    waits = [later - earlier for earlier, later in pairwise(asked)]
    assert waits == sorted(waits)
    assert world.status().troubles[0].example == f"{home}/img"


def test_a_quarantined_asset_is_mirrored_when_a_person_asks_again(world: World, home: str) -> None:
    pattern = display_id(f"{home}/img").replace("/", "-")
    failing = world.simulator.operations.fail(pattern, 13, "Internal error.", count=5)
    world.settle()
    assert failing.fired == 5

    world.steering.retry(world.now())
    world.settle()

    assert world.state(f"{home}/img") == "verified"
    assert world.is_exact(f"{home}/img")


def test_an_operation_that_is_forgotten_is_settled_by_its_files(world: World, home: str) -> None:
    world.run("discoverer", "exporter")
    done = operation(world, f"{home}/img")
    world.simulator.advance(100)
    world.simulator.operations.delete(done.name)

    world.settle()

    assert world.is_exact(f"{home}/img")
    assert world.accepted(f"{home}/img") == 1


def test_a_forgotten_operation_without_files_is_asked_for_anew(world: World, home: str) -> None:
    world.run("discoverer", "exporter")
    cancelled = operation(world, f"{home}/img")
    world.simulator.operations.cancel(cancelled.name)
    world.simulator.operations.delete(cancelled.name)

    world.settle()

    assert world.is_exact(f"{home}/img")
    assert world.accepted(f"{home}/img") == 2


def test_files_that_come_after_success_are_waited_for(tmp_path: Path) -> None:
    with Simulator(an_account(), profile=replace(SLOW, object_lag_s=(200.0, 200.0))) as simulator:
        home = furnished(simulator)
        with a_world(simulator, tmp_path) as world:
            world.enqueue(home)

            world.settle()

            assert world.accepted(f"{home}/img") == 1
            assert world.is_exact(f"{home}/img")


def test_a_project_full_of_odd_operations_does_not_matter(tmp_path: Path) -> None:
    profile = replace(SLOW, metadata_holes=0.6, shifting_pages=True, list_lag_s=(0.0, 40.0))
    with Simulator(an_account(), profile=profile, seed=5) as simulator:
        home = furnished(simulator, *"abcdef")
        simulator.operations.start_foreign(520, project=simulator.project, run_s=0.0)
        with a_world(simulator, tmp_path) as world:
            world.enqueue(home)

            world.settle()

            assert all(world.accepted(f"{home}/{name}") == 1 for name in "abcdef")
            assert set(world.counts()) == {"verified"}


# --- Files.


def test_neighbours_by_name_do_not_take_each_others_files(
    simulator: Simulator, tmp_path: Path
) -> None:
    names = ("img1", "img10", "img1_mask", "img1-0000000000-0000000000", "IMG1")
    home = furnished(simulator, *names)
    for number, name in enumerate(names):
        band = a_band("b", (VALUES + number).astype("uint8"))
        asset = SimAsset(f"{home}/{name}", "IMAGE", bands=(band,))
        simulator.world.put(asset, overwrite=True)
    with a_world(simulator, tmp_path) as world:
        world.enqueue(home)

        world.settle()

        assert all(world.is_exact(f"{home}/{name}") for name in names)
        assert len({world.folder(f"{home}/{name}") for name in names}) == len(names)


def test_a_large_image_comes_in_tiles_that_cover_it(tmp_path: Path) -> None:
    large = np.arange(500 * 700).reshape(500, 700).astype("int32")
    profile: Profile = replace(SLOW, file_edge=256)
    with Simulator(an_account(), profile=profile) as simulator:
        home = furnished(simulator)
        image = SimAsset(f"{home}/large", "IMAGE", bands=(a_band("b", large),))
        simulator.world.put(image)
        with a_world(simulator, tmp_path) as world:
            world.enqueue(home)

            world.settle()

            assert len([f for f in world.files(image.name) if f.suffix == ".tif"]) == 6
            assert world.is_exact(image.name)


def test_a_crash_while_a_bad_copy_is_noted_never_verifies_without_it(
    world: World, home: str
) -> None:
    """The copy is given up in one transaction, the asset is set back in the next."""
    world.run("discoverer")
    while world.state(f"{home}/img") != "downloaded":
        world.run("exporter", "reconciler", "downloader")
        world.simulator.advance(30)
    asset = world.service.ledger.find(f"{home}/img")
    assert asset is not None
    (bad,) = world.service.tasks.of([asset.id])[asset.id]
    disproved = Disproved("not what it must be", Cause.INTEGRITY)
    world.service.tasks.record([TaskMove(bad, disproved)], world.now())

    world.run("verifier")

    assert world.state(f"{home}/img") != "verified"
    world.settle()
    assert world.is_exact(f"{home}/img")
