"""Restores and jobs are seen and steered as all else is: status, page, metrics, notices, pause."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from geesync.adapters.host.messenger import Messenger
from geesync.cli.app import app
from geesync.cli.context import output
from geesync.cli.render import status_view
from geesync.simulator.profiles import CALM, always
from geesync.simulator.simulator import Simulator
from geesync.simulator.world.pixels import SimAsset
from geesync.steps.step import StepContext
from geesync.steps.upkeep.notifier import Notifier
from geesync.store.ledger.ledger import Ledger
from geesync.store.making.restores import Restores
from geesync.store.views import status as views
from geesync.web.app import build
from tests.story import test_derive as deriving
from tests.story.accounts import a_band, an_account, an_image, bucket_is
from tests.story.round_trip import BACK, ask, settle
from tests.story.test_restore import imports, mirrored, plan, staged
from tests.story.world import World, a_world
from tests.web.asking import Asking

DAY = timedelta(days=1)
TELL = "import sys; open({0!r}, 'a').write(sys.stdin.read() + chr(10))"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with mirrored(tmp_path, "nodata") as built:
        yield built


def run(config: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["-c", str(config), *words])


def configured(world: World, folder: Path) -> Path:
    return deriving.configure(folder, world.simulator)


def test_a_restore_is_on_the_way_until_it_is_proved(world: World, tmp_path: Path) -> None:
    config = configured(world, tmp_path)
    restores = ask(world, plan(world, "users/demo/scenes", to=BACK))

    (before,) = views.status(world.config.ledger, now=world.now()).making
    told = json.loads(run(config, "status", "--json").stdout)
    quiet_before = views.is_quiet(world.config.ledger, now=world.now())
    settle(world, restores)
    (after,) = views.status(world.config.ledger, now=world.now()).making

    assert before.counts == {"planned": 4}
    assert not quiet_before
    assert told["making"][0]["counts"] == {"planned": 4}
    assert told["complete"] is False
    assert f"4 assets of the restore to {BACK} are on the way" in told["not_complete"]
    assert after.counts == {"proved": 4}
    assert views.is_quiet(world.config.ledger, now=world.now())
    assert views.completeness_of(world.config.ledger).is_complete


def test_the_page_and_the_metrics_tell_of_restores(world: World) -> None:
    ask(world, plan(world, "users/demo/scenes", to=BACK))
    asking = Asking(build(world.config.ledger, hosts=["*"], clock=world.now))

    page, metrics = asking.get("/").text, asking.get("/metrics").text

    assert "restore to projects/demo-project/assets/back" in page
    assert "4 planned" in page
    assert f'geesync_made_assets{{kind="restore",name="{BACK}",state="planned"}} 4.0' in metrics


def test_what_was_restored_of_an_older_copy_is_told_when_it_is_asked_for_again(
    world: World, tmp_path: Path
) -> None:
    config = configured(world, tmp_path)
    words = ("restore", "users/demo/elevation", "--to", BACK, "--accept-losses", "fractions")
    run(config, *words)
    settle(world, Restores(world.database))
    first = run(config, *words)
    world.simulator.world.touch("projects/earthengine-legacy/assets/users/demo/elevation")
    world.rescan()
    world.settle()

    second = run(config, *words)
    for machines in (words, ("restores", "--cancel")):
        (*lines,) = run(config, *machines, "--json").stdout.splitlines()
        assert all(json.loads(line) for line in lines)

    assert "older copy" not in first.output
    assert "1 of them were made of an older copy" in second.output, second.output


@pytest.mark.parametrize("most", [7, 8])
def test_room_is_wanted_for_what_is_not_there_yet(tmp_path: Path, most: int) -> None:
    full = replace(CALM, max_assets=most)  # four are there
    with Simulator("small", profile=full) as simulator, a_world(simulator, tmp_path) as world:
        world.enqueue("users/demo/scenes")
        world.settle()
        words = ("restore", "users/demo/scenes", "--to", BACK, "--accept-losses", "fractions")

        asked = run(configured(world, tmp_path), *words)

        if most < 8:
            assert "has room for 3 assets" in str(asked.exception)
            return
        settle(world, Restores(world.database))
        again = run(configured(world, tmp_path), *words)
        assert "0 assets to make, 4 known already" in again.output, again.exception


def test_a_restore_into_a_bucket_that_is_not_there_is_refused(world: World, tmp_path: Path) -> None:
    config = configured(world, tmp_path)

    asked = run(config, "restore", "users/demo/elevation", "--to", BACK, "--bucket", "absent")

    assert "there is no bucket absent" in str(asked.exception)
    assert not Restores(world.database).of("")


def test_small_tables_come_back_without_a_bucket(tmp_path: Path) -> None:
    with Simulator("small") as simulator, a_world(simulator, tmp_path, direct={}) as world:
        config = configured(world, tmp_path)
        config.write_text(config.read_text().replace(f'bucket = "{simulator.bucket}"', ""))
        world.enqueue(deriving.PROJECT)
        world.settle()

        asked = run(config, "restore", f"{deriving.PROJECT}/oddities", "--to", BACK)
        (one,) = settle(world, Restores(world.database))
        image = run(config, "restore", f"{deriving.PROJECT}/pixel", "--to", f"{BACK}2")

        assert asked.exit_code == 0, asked.output
        assert one.standing.state == "proved", one.standing
        assert image.exit_code
        assert "bucket" in str(image.exception)


@pytest.mark.parametrize(
    ("form", "age", "told"),
    [("ingested", 1, "geesync-restore/"), ("external", 90, "geesync-external/")],
)
def test_a_rule_that_would_delete_staged_files_is_told_by_plan_and_start(
    world: World, tmp_path: Path, form: str, age: int, told: str
) -> None:
    config = configured(world, tmp_path)
    rule = {"action": {"type": "Delete"}, "condition": {"age": age}}
    bucket_is(world.simulator, location="US", lifecycle={"rule": [rule]})
    words = ("restore", "users/demo/elevation", "--to", BACK, "--as", form)

    planned, started = run(config, *words, "--dry-run"), run(config, *words)
    as_json = json.loads(run(config, *words, "--dry-run", "--json").stdout)

    for one in (planned, started):
        assert one.exit_code == 0, one.output
        assert f"warning: bucket settings: objects below {told} are deleted after" in one.output
    assert [told in one["what"] for one in as_json["warnings"]] == [True]


def test_folders_that_restored_assets_are_to_lie_in_are_planned_and_made(
    world: World, tmp_path: Path
) -> None:
    config, pixel = configured(world, tmp_path), f"{deriving.PROJECT}/pixel"
    words = ("restore", "users/demo/scenes", pixel, "--to", f"{BACK}/a/b", "--acl")

    planned = json.loads(run(config, *words, "--dry-run", "--json").stdout)
    started = run(config, *words)
    found = settle(world, Restores(world.database), passes=200)
    again = run(config, *words)

    assert planned["assets"] == {"FOLDER": 3, "IMAGE_COLLECTION": 1, "IMAGE": 4}
    assert started.exit_code == 0, started.output
    assert {one.standing.state for one in found} == {"proved"}, found
    for name in ("", "/a", "/a/b"):
        assert world.simulator.world.get(f"{BACK}{name}").type == "FOLDER"
    assert world.simulator.world.find(f"{BACK}/a/b/pixel")
    assert world.simulator.world.find(f"{BACK}/a/b/scenes/s0000")
    assert "0 assets to make, 5 known already" in again.output


def test_a_place_that_cannot_hold_what_is_restored_is_refused_at_the_plan(
    world: World, tmp_path: Path
) -> None:
    config, table = configured(world, tmp_path), f"{deriving.PROJECT}/stations"
    world.simulator.world.put(SimAsset(f"{deriving.PROJECT}/more", "FOLDER"))
    world.simulator.world.copy(table, f"{deriving.PROJECT}/more/stations")
    world.rescan()
    world.settle()
    refusals = {
        (table, "--to", "users/demo/scenes/new"): "IMAGE_COLLECTION, which can hold no TABLE",
        ("users/demo/scenes", table, "--to", f"{table}/x"): "TABLE, which can hold no FOLDER",
        (table, "--to", "projects/of-others/assets/x"): "there is no projects/of-others/assets",
        (table, f"{deriving.PROJECT}/more/stations", "--to", BACK): f"both become {BACK}/stat",
    }

    for words, why in refusals.items():
        refused = run(config, "restore", *words)
        assert why in str(refused.exception), (words, refused.output)

    assert not Restores(world.database).is_anything_left()


def test_what_was_restored_and_deleted_again_can_be_restored_again(
    world: World, tmp_path: Path
) -> None:
    config = configured(world, tmp_path)
    words = ("restore", "users/demo/scenes", "--to", BACK)
    run(config, *words)
    settle(world, Restores(world.database))
    world.simulator.world.delete(f"{BACK}/s0001")

    again = run(config, *words)
    found = settle(world, Restores(world.database))

    assert "1 assets to make, 3 known already" in again.output
    assert [one.standing.state for one in found] == ["proved"] * 4
    assert world.simulator.world.find(f"{BACK}/s0001")
    assert imports(world) == 4


def test_what_was_given_up_while_it_was_ingested_can_be_asked_for_again(world: World) -> None:
    planned = plan(world, "users/demo/scenes/s0000", to=BACK)
    restores = ask(world, planned)
    world.run("restorer")
    world.run("restorer")
    (one,) = restores.of(BACK)
    assert one.standing.state == "importing"
    restores.cancel(BACK, world.now())

    (one,) = settle(world, ask(world, planned))

    assert one.standing.state == "proved", one.standing


def test_what_a_task_still_reads_stays_staged_when_its_asset_is_given_up(tmp_path: Path) -> None:
    profile = replace(CALM, import_s=always(7200))
    image = an_image("img", a_band("b", np.arange(108, dtype="uint8").reshape(9, 12)))
    with (
        Simulator(an_account(image), profile=profile) as simulator,
        a_world(simulator, tmp_path) as world,
    ):
        world.enqueue("users/x")
        world.settle()
        restores = ask(world, plan(world, "users/x/img", to=BACK))
        for _ in range(3):
            world.run("restorer", "reconciler")
        restores.cancel(BACK, world.now())

        for _ in range(3):
            world.run("restorer", "reconciler")
        while_it_runs = staged(world)
        for _ in range(3):
            simulator.advance(7200)
            world.run("restorer", "reconciler")

        assert while_it_runs
        assert not staged(world)
        assert not restores.is_anything_left()
        assert imports(world) == 1
        assert not world.status().operations
        assert views.is_quiet(world.config.ledger, now=world.now())


def test_a_mirror_of_another_ledger_is_restored_from_and_never_written_a_second_copy_into(
    world: World, tmp_path: Path
) -> None:
    disk = shutil.copytree(world.mirror, tmp_path / "disk")
    with a_world(world.simulator, tmp_path / "other", direct={}, bucket=True) as other:
        words = ("restore", f"{disk}/users/demo/scenes", "--to", BACK, "--mirror", str(disk))
        config = configured(other, tmp_path / "other")

        refused = run(config, *words, "--prove", "mirror")
        started = run(config, *words)
        found = settle(other, Restores(other.database))

        assert "is no mirror of this ledger" in str(refused.exception)
        assert started.exit_code == 0, started.output
        assert [one.standing.state for one in found] == ["proved"] * 4


def test_what_is_finished_or_quarantined_is_told_once(world: World, tmp_path: Path) -> None:
    theirs = world.simulator.world.copy(f"{deriving.PROJECT}/pixel", BACK)
    (told_off,) = settle(world, ask(world, plan(world, "users/demo/elevation", to=BACK)))
    assert told_off.manifest is None  # nothing was uploaded for it
    file = tmp_path / "told"
    messenger = Messenger((sys.executable, "-S", "-c", TELL.format(str(file))))
    with ThreadPoolExecutor(1) as pool:
        context = StepContext(Ledger(world.database), pool, clock=world.now)
        notifier = Notifier(
            context, world.service.roots, world.config.ledger, messenger, DAY, DAY, 0
        )

        notifier.notify()
        first = [json.loads(line) for line in file.read_text().splitlines()]
        file.unlink()
        notifier.notify()

    told = {one["kind"]: one for one in first if one["subject"].startswith("restore")}
    assert set(told) == {"finished", "quarantined"}
    assert "1 quarantined" in told["finished"]["text"]
    assert "another asset has its name" in told["quarantined"]["text"]
    assert not file.exists()
    assert world.simulator.world.get(BACK).update_time == theirs.update_time


def test_a_restore_that_is_paused_begins_nothing_and_follows_what_runs(
    world: World, tmp_path: Path
) -> None:
    config = configured(world, tmp_path)
    ask(world, plan(world, "users/demo/scenes", to=BACK))
    restores = Restores(world.database)
    world.run("restorer")  # the collection
    world.run("restorer")  # uploads, and asks for the first

    paused = run(config, "pause", BACK)
    for _ in range(6):
        world.simulator.advance(60)
        world.run("reconciler", "restorer")
    (told,) = views.status(world.config.ledger, now=world.now()).making
    quiet = views.is_quiet(world.config.ledger, now=world.now())
    run(config, "resume", BACK)
    found = settle(world, restores)

    assert paused.exit_code == 0, paused.output
    assert told.paused
    assert "importing" not in told.counts
    assert quiet
    assert [one.standing.state for one in found] == ["proved"] * 4
    assert imports(world) == 3


def test_a_job_is_paused_by_its_name_and_everything_with_all_else(tmp_path: Path) -> None:
    with (
        Simulator(deriving.SEASON.account()) as simulator,
        a_world(simulator, tmp_path) as world,
    ):
        config = deriving.configure(tmp_path, simulator)
        deriving.run(config, "start", "ndvi")

        for word in ("ndvi", ""):
            run(config, "pause", *filter(None, [word]))
            world.run("deriver")
            assert deriving.exports(world) == 0
            run(config, "resume", *filter(None, [word]))
        run(config, "pause", "ndvi")
        run(config, "resume")

        deriving.settle(world)
        (told,) = views.status(world.config.ledger, now=world.now()).making
        assert (told.kind, told.name, told.counts) == ("derived", "ndvi", {"made": 7})


def test_what_is_finished_is_told_with_its_date_for_a_day(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    restores = ask(world, plan(world, "users/demo/elevation", to=BACK))
    restores.cancel(BACK, world.now())
    given_up = world.status().making
    settle(world, ask(world, plan(world, "users/demo/elevation", to=BACK)))
    world.simulator.world.copy(f"{deriving.PROJECT}/pixel", f"{deriving.PROJECT}/taken")
    taken = plan(world, "users/demo/elevation", to=f"{deriving.PROJECT}/taken")
    ask(world, taken, target_root=f"{deriving.PROJECT}/taken")
    world.run("restorer")

    output().print(status_view(world.status(), world.now()), width=200)
    page = Asking(build(world.config.ledger, hosts=["*"], clock=world.now)).get("/").text
    shown = capsys.readouterr().out
    finished, of_person = (one for one in world.status().making)
    world.simulator.advance(2 * DAY.total_seconds())
    later = world.status().making

    assert given_up == []
    assert finished.counts == {"proved": 1}
    assert f"{BACK}: 1 proved, {finished.moved_at:%Y-%m-%d %H:%M} UTC" in shown
    assert f"finished {finished.moved_at:%Y-%m-%d %H:%M}" in page
    assert later == [of_person]
    assert of_person.counts == {"quarantined": 1}
    assert [one.standing.state for one, _ in restores.reports(BACK)] == ["proved"]


def test_status_in_a_terminal_names_what_went_wrong(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.simulator.world.copy(f"{deriving.PROJECT}/pixel", BACK)
    settle(world, ask(world, plan(world, "users/demo/elevation", to=BACK)))

    output().print(status_view(world.status(), world.now()))
    told = capsys.readouterr().out

    assert "restore to projects/demo-project/assets/back: 1 quarantined" in told
    assert "another asset has its name" in told
