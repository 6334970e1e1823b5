"""A person's own function over a collection: one durable export an image, none twice or missed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from geesync.cli.app import app
from geesync.domain.derive.lifecycle import DerivedState
from geesync.errors import Cause, UserError
from geesync.simulator.simulator import Simulator
from geesync.simulator.world.pixels import SimAsset
from geesync.simulator.world.truth import truth
from geesync.step_threads import run_step
from geesync.steps.tasks import asset_maker
from geesync.store.making.derivations import Derivations, Derived
from tests.series.season import BEGINS, COLLECTION, EVERY, Season
from tests.story.world import World, a_world

SEASON = Season(images=8)
PROJECT = "projects/demo-project/assets"

FUNCTION = """\
def ndvi(image, source):
    if source["name"].endswith("s003"):
        return None
    return image.normalizedDifference(["B8", "B4"]).rename("ndvi")

def twice(image, source):
    return None if source["name"].endswith("s003") else ndvi(image, source).multiply(2)

def broken(image, source):
    raise ValueError("no idea")

def exits(image, source):
    raise SystemExit(3)

def talks(image, source):
    print("hello")
    return image

def absent(image, source):
    return image.select("B99")
"""


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(SEASON.account()) as running:
        yield running


@pytest.fixture
def world(simulator: Simulator, tmp_path: Path) -> Iterator[World]:
    with a_world(simulator, tmp_path) as built:
        yield built


def configure(folder: Path, simulator: Simulator, **changed: object) -> Path:
    """Write a configuration with one job, and its function beside it."""
    job = {
        "function": "my_function:ndvi",
        "collection": "users/x/scenes",
        "into": f"{PROJECT}/ndvi",
        "grid": "source:B4",
        "in_flight": 3,
    } | changed
    (folder / "my_function.py").write_text(FUNCTION)
    told = "\n".join(f"{key} = {json.dumps(value)}" for key, value in job.items() if value != "")
    file = folder / "geesync.toml"
    file.write_text(
        f"""\
ledger = "{folder}/geesync.db"
mirror = "{folder}/mirror"
bucket = "{simulator.bucket}"
[earth_engine]
project = "{simulator.project}"
url = "{simulator.earth_engine_url}"
[storage]
url = "{simulator.storage_url}"
[derive.ndvi]
{told}
"""
    )
    return file


def run(config: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["-c", str(config), "derive", *words])


def settle(world: World, *, passes: int = 60) -> list[Derived]:
    """Let time pass until all results are at rest; return them."""
    store = Derivations(world.database)
    for _ in range(passes):
        for step in world.service.steps:
            if step.name in {"deriver", "reconciler"}:
                run_step(step)
        if not store.is_anything_left():
            return store.of("ndvi")
        world.simulator.advance(60)
    raise AssertionError([one.standing for one in store.of("ndvi")])


def exports(world: World) -> int:
    """Return how many exports Earth Engine has accepted."""
    return len(world.simulator.audit.records("export"))


def test_each_image_becomes_one_result_with_its_time_and_our_marks(
    world: World, tmp_path: Path
) -> None:
    config = configure(tmp_path, world.simulator)

    started = run(config, "start", "ndvi")

    assert started.exit_code == 0, started.output
    assert "7 new" in started.output
    assert "the function leaves it out" in started.output
    results = settle(world)
    assert [one.standing.state for one in results] == [DerivedState.MADE] * 7
    assert exports(world) == 7
    index = SEASON.ndvi()
    for number, one in ((0, results[0]), (7, results[-1])):
        made = world.simulator.world.get(one.planned.target)
        assert made.start_time == (BEGINS + EVERY * number).isoformat().replace("+00:00", "Z")
        assert made.properties["geesync_source"] == one.planned.source
        values = truth(made, "ndvi")
        clear = ~SEASON.clouds(number)
        assert ((values.mask > 0) == clear).all()
        np.testing.assert_allclose(values.values[clear], index[number][clear], atol=1e-3)


def test_what_is_made_is_not_made_again(world: World, tmp_path: Path) -> None:
    config = configure(tmp_path, world.simulator)
    run(config, "start", "ndvi")
    settle(world)

    again = run(config, "start", "ndvi")

    assert "0 new, 7 there" in again.output
    settle(world)
    assert exports(world) == 7


def test_a_ledger_that_is_lost_finds_again_what_was_made(
    simulator: Simulator, tmp_path: Path
) -> None:
    config = configure(tmp_path, simulator)
    with a_world(simulator, tmp_path) as world:
        run(config, "start", "ndvi")
        settle(world)
    for file in tmp_path.glob("geesync.db*"):
        file.unlink()

    with a_world(simulator, tmp_path) as world:
        run(config, "start", "ndvi")
        results = settle(world)

        assert [one.standing.state for one in results] == [DerivedState.MADE] * 7
        assert exports(world) == 7


def test_an_answer_that_is_lost_makes_nothing_twice(world: World, tmp_path: Path) -> None:
    lost = world.simulator.faults.add("drop_response", path="image:export", count=3)

    run(configure(tmp_path, world.simulator), "start", "ndvi")
    results = settle(world)

    assert lost.fired == 3
    assert {one.standing.state for one in results} == {DerivedState.MADE}
    assert exports(world) == 7


def test_a_kill_between_a_task_and_its_result_holds_up_no_other_and_asks_nothing_twice(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(configure(tmp_path, world.simulator, in_flight=2), "start", "ndvi")
    with monkeypatch.context() as killed:
        killed.setattr(asset_maker, "record_outcomes", lambda *_: 0)
        world.run("deriver")

    results = settle(world)

    assert {one.standing.state for one in results} == {DerivedState.MADE}
    assert exports(world) == 7


def test_a_job_has_no_more_exports_at_a_time_than_it_wants(world: World, tmp_path: Path) -> None:
    run(configure(tmp_path, world.simulator, in_flight=2), "start", "ndvi")

    world.run("deriver")

    assert exports(world) <= 2
    assert Derivations(world.database).exporting() == {"ndvi": 2}


def test_a_job_that_has_all_that_it_wants_takes_no_other_jobs_place(
    world: World, tmp_path: Path
) -> None:
    config = configure(tmp_path, world.simulator, in_flight=1)
    job = config.read_text().partition("[derive.ndvi]")[2].replace("assets/ndvi", "assets/other")
    with config.open("a") as file:
        file.write(f"[derive.other]{job}")
    for name in ("ndvi", "other"):
        run(config, "start", name)
    (deriver,) = [step for step in world.service.steps if step.name == "deriver"]
    deriver.context = replace(deriver.context, chunk=3)

    world.run("deriver")
    world.run("deriver")

    assert Derivations(world.database).exporting() == {"ndvi": 1, "other": 1}


def test_an_image_that_changed_is_told_and_holds_up_no_other(world: World, tmp_path: Path) -> None:
    config = configure(tmp_path, world.simulator)
    run(config, "start", "ndvi")
    settle(world)
    world.simulator.world.put(world.simulator.world.get(f"{COLLECTION}/s001"))  # a new revision

    started = run(config, "start", "ndvi")

    assert "1 results are of an image that has changed; they stay" in started.output
    assert started.exit_code == 0, started.output


def test_what_has_the_name_of_a_result_is_never_overwritten(world: World, tmp_path: Path) -> None:
    config = configure(tmp_path, world.simulator, into="users/x/scenes")

    run(config, "start", "ndvi")
    results = settle(world)

    assert {one.standing.state for one in results} == {DerivedState.QUARANTINED}
    assert exports(world) == 0


def test_dates_choose_the_images(world: World, tmp_path: Path) -> None:
    config = configure(tmp_path, world.simulator)
    text = config.read_text() + "from = 2023-01-10\nto = 2023-02-20\n"
    config.write_text(text)

    planned = run(config, "plan", "ndvi")

    assert "2 new" in planned.output, planned.output


def test_the_shipped_recipe_masks_clouds_by_the_scene_classification(
    world: World, tmp_path: Path
) -> None:
    config = configure(
        tmp_path,
        world.simulator,
        function="geesync.recipes.sentinel2:clouds",
        grid="source:SCL",
        pyramiding="MODE",
    )

    run(config, "start", "ndvi")
    results = settle(world)

    assert {one.standing.state for one in results} == {DerivedState.MADE}
    for number, one in enumerate(results):
        made = world.simulator.world.get(one.planned.target)
        assert made.bands[0].pyramiding == "MODE"
        assert set(np.unique(truth(made, "cloud").values)) == {int(number % 5 == 3)}


@pytest.mark.parametrize(
    ("changed", "words", "told"),
    [
        ({}, ("plan", "other"), "there is no job other"),
        ({"function": "my_function:broken"}, ("plan", "ndvi"), "the function fails on"),
        ({"function": "my_function:exits"}, ("plan", "ndvi"), "the function fails on"),
        (
            {"function": "my_function:absent", "into": "mirror"},
            ("start", "ndvi"),
            "'B99' did not match",
        ),
        ({"collection": "users/x/nothing"}, ("plan", "ndvi"), "users/x/nothing does not exist"),
        ({"collection": "users/x/scenes/s000"}, ("plan", "ndvi"), "is of the type IMAGE"),
        ({"into": "users/x/scenes/s000"}, ("start", "ndvi"), "is of the type IMAGE"),
        ({"function": "my_function:nothing"}, ("plan", "ndvi"), "cannot be imported"),
        ({"function": "no_module:f"}, ("plan", "ndvi"), "cannot be imported"),
        ({"function": ""}, ("plan", "ndvi"), "needs one of function and expression"),
        ({"grid": "source:B99"}, ("plan", "ndvi"), "has no band B99"),
        ({"name": "a b"}, ("plan", "ndvi"), "is no name of an asset"),
        ({"name": "all"}, ("plan", "ndvi"), "would be made of several images"),
    ],
)
def test_a_mistake_in_a_job_is_one_line(
    world: World, tmp_path: Path, changed: dict[str, object], words: tuple[str, ...], told: str
) -> None:
    done = run(configure(tmp_path, world.simulator, **changed), *words)

    assert isinstance(done.exception, UserError), done.output
    assert told in str(done.exception)


def test_what_a_function_prints_and_people_are_told_is_no_json(
    world: World, tmp_path: Path
) -> None:
    config = configure(tmp_path, world.simulator, function="my_function:talks")

    planned, *others = (
        run(config, word, "ndvi", "--json") for word in ("plan", "start", "retry", "cancel")
    )

    assert len([json.loads(line) for line in planned.stdout.splitlines()]) == 8
    assert "hello" in planned.stderr
    assert all(json.loads(line) for other in others for line in other.stdout.splitlines())


def a_day(world: World) -> None:
    for _ in range(24 * 12):
        world.run("deriver", "reconciler")
        world.simulator.advance(300)


def test_a_result_whose_export_the_world_ends_again_and_again_is_asked_for_less_and_less(
    world: World, tmp_path: Path
) -> None:
    ended = world.simulator.operations.fail(
        "s001", 8, "Earth Engine is currently unavailable. Please try again.", count=None
    )
    run(configure(tmp_path, world.simulator), "start", "ndvi")

    a_day(world)

    assert 5 <= ended.fired <= 10
    (left,) = (one for one in Derivations(world.database).of("ndvi") if one.standing.cause)
    assert left.standing.failures == 0
    ended.count = ended.fired
    world.simulator.advance(6 * 3600)
    assert {one.standing.state for one in settle(world)} == {DerivedState.MADE}


def test_an_export_of_a_job_that_is_not_answered_is_sent_less_and_less(
    world: World, tmp_path: Path
) -> None:
    broken = world.simulator.faults.add("status", path="image:export", status=503, count=None)
    run(configure(tmp_path, world.simulator, in_flight=1), "start", "ndvi")

    for _ in range(120):  # an hour
        world.run("deriver")
        world.simulator.advance(30)

    assert 5 <= broken.fired <= 15
    world.simulator.faults.clear()
    world.simulator.advance(600)
    assert {one.standing.state for one in settle(world)} == {DerivedState.MADE}
    assert exports(world) == 7


def test_a_collection_that_cannot_be_made_holds_up_no_other_job(
    world: World, tmp_path: Path
) -> None:
    config = configure(tmp_path, world.simulator, into=f"{PROJECT}/absent/ndvi")
    job = config.read_text().partition("[derive.ndvi]")[2].replace("absent/ndvi", "other")
    with config.open("a") as file:
        file.write(f"[derive.other]{job}")
    for name in ("ndvi", "other"):
        assert run(config, "start", name).exit_code == 0

    for _ in range(30):
        world.run("deriver", "reconciler")
        world.simulator.advance(60)

    results = Derivations(world.database)
    assert {one.standing.state for one in results.of("other")} == {DerivedState.MADE}
    assert {one.standing.cause for one in results.of("ndvi")} == {Cause.GONE}
    assert {one.standing.failures for one in results.of("ndvi")} == {0}
    world.simulator.world.put(SimAsset(f"{PROJECT}/absent", "FOLDER"))
    world.simulator.advance(600)
    assert {one.standing.state for one in settle(world)} == {DerivedState.MADE}


def test_what_was_given_up_or_deleted_there_is_made_when_a_person_starts_it_again(
    world: World, tmp_path: Path
) -> None:
    config = configure(tmp_path, world.simulator)
    run(config, "start", "ndvi")
    run(config, "cancel", "ndvi")

    by_itself, again = run(config, "start", "ndvi", "--only-new"), run(config, "start", "ndvi")

    assert "0 new, 7 there" in by_itself.output
    assert "7 new, 0 there" in again.output
    made = settle(world)
    assert [one.standing.state for one in made] == [DerivedState.MADE] * 7

    world.simulator.world.delete(made[0].target)
    assert "0 new, 7 there" in run(config, "start", "ndvi", "--only-new").output
    assert "1 new, 6 there" in run(config, "start", "ndvi").output
    settle(world)
    assert world.simulator.world.find(made[0].target) is not None
    assert exports(world) == 8


@pytest.mark.parametrize(
    "changed",
    [
        {"grid": "source:SCL"},
        {"pyramiding": "MODE"},
        {"keep": ["other"]},
        {"function": "my_function:twice"},
    ],
)
def test_results_of_what_a_job_was_before_are_stale_until_they_are_deleted_there(
    world: World, tmp_path: Path, changed: dict[str, object]
) -> None:
    run(configure(tmp_path, world.simulator), "start", "ndvi")
    first, *others = settle(world)
    config = configure(tmp_path, world.simulator, **changed)

    planned, started = run(config, "plan", "ndvi"), run(config, "start", "ndvi")

    assert "7 results are of another function or grid" in planned.output
    assert isinstance(started.exception, UserError)
    for one in others:
        world.simulator.world.delete(one.target)
    assert "6 to make" in run(config, "start", "ndvi", "--renew").output
    kept, *new = settle(world)
    assert kept.planned.expression == first.planned.expression
    assert [one.standing.state for one in new] == [DerivedState.MADE] * 6
    assert exports(world) == 13
