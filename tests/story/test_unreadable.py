"""What is listed and cannot be read is named and counted, and stops nothing else."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from geesync.adapters.host.messenger import Messenger
from geesync.bootstrap import checker, comparer
from geesync.domain.mirror.checking import Verdict
from geesync.simulator.simulator import Simulator
from geesync.simulator.world.pixels import SimAsset
from geesync.steps.upkeep.notifier import Notifier
from geesync.store.browsing.documents import status_document
from geesync.store.copies.checks import Scope
from geesync.store.views.status import completeness_of
from geesync.web.app import build
from geesync.web.metrics import exposition
from tests.story.accounts import HOME, a_band, an_account, an_image
from tests.story.world import World, a_world
from tests.web.asking import Asking

WRITE = "import sys; open({0!r}, 'a').write(sys.stdin.read() + chr(10))"
VALUES = np.arange(108).reshape(9, 12).astype("uint8")
FOLDER, DEEP, IMAGE, OTHER = (f"{HOME}/{name}" for name in ("f", "f/deep", "img", "other"))
GET, LIST = "earthengine.assets.get", "earthengine.assets.list"

#: Whatever is answered instead of an asset; 0 is what Earth Engine says of what is not there.
STATUSES = (0, 400, 403, 500)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    account = an_account(
        SimAsset(FOLDER, "FOLDER"),
        SimAsset(DEEP, "FOLDER"),
        an_image("f/deep/a", a_band("b", VALUES)),
        an_image("f/b", a_band("b", VALUES)),
        an_image("img", a_band("b", VALUES)),
        an_image("other", a_band("b", VALUES)),
    )
    with Simulator(account) as simulator, a_world(simulator, tmp_path) as built:
        built.enqueue("users/x")
        yield built


def look_again(world: World) -> None:
    world.rescan()
    world.settle()


def deny(world: World, tree: str, permission: str = GET, status: int = 0) -> Any:
    return world.simulator.world.permissions.deny(tree, permission, status=status)


def allow(world: World, denial: Any) -> None:
    world.simulator.world.permissions.allow(denial)


def reasons(world: World, name: str | None = None) -> str:
    return "; ".join(completeness_of(world.config.ledger, name).reasons)


@pytest.mark.parametrize("status", STATUSES)
def test_an_image_that_is_listed_and_cannot_be_read_is_named_and_the_rest_is_taken(
    world: World, status: int
) -> None:
    denial = deny(world, IMAGE, status=status)

    world.settle()

    told = world.show(IMAGE)
    assert told["state"] == "quarantined"
    assert f"HTTP {status or 404}" in told["unreadable"]
    assert world.counts() == {"verified": 6, "quarantined": 1}
    assert reasons(world) == reasons(world, IMAGE)
    assert "1 asset or folder cannot be read at Earth Engine" in reasons(world)
    assert not reasons(world, FOLDER)

    allow(world, denial)
    look_again(world)

    assert world.is_exact(IMAGE)
    assert not reasons(world)
    assert world.show(IMAGE)["unreadable"] is None


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("permission", [GET, LIST])
def test_a_folder_that_cannot_be_read_or_listed_stops_nothing_and_nothing_in_it_is_gone(
    world: World, status: int, permission: str
) -> None:
    world.settle()
    denial = deny(world, FOLDER, permission, status)
    world.simulator.world.delete(OTHER)
    world.simulator.world.put(an_image("new", a_band("b", VALUES)))

    look_again(world)

    assert world.state(OTHER) == "gone"
    assert world.is_exact(f"{HOME}/new")
    assert world.state(f"{DEEP}/a") == "verified"
    assert world.status().roots[0].alarm is None
    assert "cannot be read" in reasons(world, FOLDER)
    assert "users/x/f, which it lies in" in reasons(world, f"{FOLDER}/b")

    allow(world, denial)
    world.simulator.world.delete(f"{FOLDER}/b")
    look_again(world)

    assert world.state(f"{FOLDER}/b") == "gone"
    assert not reasons(world)


def test_a_copy_that_can_be_read_no_longer_stays_and_is_not_called_gone(world: World) -> None:
    world.settle()
    deny(world, IMAGE)

    look_again(world)

    assert world.state(IMAGE) == "verified"
    assert world.show(IMAGE)["unreadable"]
    assert "cannot be read" in reasons(world)
    assert world.is_exact(IMAGE)
    with comparer(world.config, world.database) as compared:
        (found,) = compared.differences(Scope())
    assert (found.name, found.verdict) == (IMAGE, Verdict.ERROR)
    assert "not at Earth Engine any more" not in found.what


@pytest.mark.parametrize("status", [0, 403])
def test_what_is_deleted_is_gone_whichever_way_earth_engine_says_so(
    world: World, status: int
) -> None:
    world.settle()
    world.simulator.world.delete(IMAGE)
    deny(world, IMAGE, status=status)

    look_again(world)

    assert world.state(IMAGE) == "gone"
    assert not reasons(world)


def test_what_is_not_listed_and_answers_with_an_error_is_neither_gone_nor_complete(
    world: World,
) -> None:
    world.settle()
    world.simulator.world.delete(IMAGE)
    denial = deny(world, IMAGE, status=500)

    look_again(world)

    assert world.state(IMAGE) == "verified"
    assert "cannot be read" in reasons(world)

    allow(world, denial)
    look_again(world)

    assert world.state(IMAGE) == "gone"
    assert not reasons(world)


def test_what_vanishes_between_the_list_and_the_question_is_not_called_unreadable(
    world: World,
) -> None:
    vanished = world.simulator.faults.add(
        "change", path=f"{IMAGE}(\\?|$)", change={"delete": IMAGE}
    )

    world.settle()

    assert vanished.fired == 1
    assert world.counts() == {"verified": 6}
    assert not reasons(world)


def test_what_failed_for_a_moment_is_asked_for_once_more(world: World) -> None:
    tries = world.service.pace.requests.tries
    failed = world.simulator.faults.add("status", path=f"{IMAGE}(\\?|$)", status=503, count=tries)

    world.settle()

    assert failed.fired == tries
    assert not reasons(world)


def test_what_failed_for_longer_is_asked_for_soon_and_then_at_each_scan(world: World) -> None:
    denial = deny(world, IMAGE, status=503)
    world.settle()
    (root,) = world.service.roots.active()
    assert root.next_scan_at
    assert (root.next_scan_at - world.now()).total_seconds() < 600

    world.simulator.advance(600)
    world.settle()

    (root,) = world.service.roots.active()
    assert root.next_scan_at
    assert root.next_scan_at - world.now() > world.config.schedule.discover / 2
    allow(world, denial)
    look_again(world)
    assert world.is_exact(IMAGE)


def test_a_service_that_answers_nobody_makes_nothing_unreadable(world: World) -> None:
    deny(world, "", status=403)

    world.run("discoverer")

    (root,) = world.status().roots
    assert root.alarm
    assert not root.completeness.unreadable


def test_a_filter_leaves_out_what_cannot_be_read_too(world: World) -> None:
    deny(world, IMAGE)
    world.settle()
    assert reasons(world)

    world.enqueue("users/x", exclude=["img"])
    world.settle()

    assert world.state(IMAGE) == "excluded"
    assert not reasons(world)


def test_what_cannot_be_read_is_not_tried_again_without_a_scan(world: World) -> None:
    deny(world, IMAGE)
    world.settle()

    assert world.steering.retry(world.now()) == 0
    assert world.state(IMAGE) == "quarantined"


def test_an_unchanged_account_with_what_cannot_be_read_costs_no_write(world: World) -> None:
    deny(world, IMAGE)
    deny(world, FOLDER, LIST, 500)
    world.settle()
    before = [event["id"] for event in world.show(IMAGE)["events"]]

    look_again(world)

    assert [event["id"] for event in world.show(IMAGE)["events"]] == before


def test_a_folder_is_more_than_its_own_document(world: World) -> None:
    world.run("discoverer", "exporter", "verifier")

    told = world.show(FOLDER)
    page = Asking(build(world.config.ledger, hosts=["*"], clock=world.now))
    shown = page.get("/asset", params={"name": FOLDER}).text

    assert told["state"] == "verified"
    assert told["below"] == {"exporting": 2, "verified": 1}
    assert told["not_complete"] == ["2 assets are on the way"]
    assert "verified</span>, its own document" in shown
    assert "Not complete: 2 assets are on the way." in shown
    assert f'href="/asset?name={HOME}"' in shown
    (down,) = re.findall(r'href="(/assets\?within=[^"]*state=exporting)"', shown)
    below = page.get(down.replace("&amp;", "&")).text
    assert set(re.findall(r'<a href="/asset\?name=([^"]+)">users/x/f/', below)) == {
        f"{DEEP}/a",
        f"{FOLDER}/b",
    }


def test_status_metrics_page_check_and_notices_tell_what_cannot_be_read(
    world: World, tmp_path: Path
) -> None:
    deny(world, IMAGE)
    world.settle()
    ledger, told = world.config.ledger, tmp_path / "told"

    document = json.loads(json.dumps(status_document(world.status())))
    assert (document["complete"], document["unreadable"]) == (False, 1)
    assert document["roots"][0]["unreadable"] == 1
    metrics = exposition(ledger, world.now()).decode()
    assert 'geesync_unreadable_assets{root="users/x"} 1.0' in metrics
    assert 'geesync_root_complete{root="users/x"} 0.0' in metrics
    page = Asking(build(ledger, hosts=["*"], clock=world.now)).get("/").text
    assert "1 asset or folder cannot be read at Earth Engine" in page
    assert "100 %" not in page
    with checker(world.config, world.database) as checks:
        assert [name for name, _, _ in checks.checks.unreadable(Scope())] == [IMAGE]
        assert list(checks.checks.pending(Scope())) == []
    messenger = Messenger((sys.executable, "-S", "-c", WRITE.format(str(told))))
    day = timedelta(days=1)
    context = world.service.steps[0].context
    Notifier(context, world.service.roots, ledger, messenger, day, day, 0).run_once()
    kinds = {json.loads(line)["kind"] for line in told.read_text().splitlines()}
    assert kinds == {"unreadable", "quarantined"}
