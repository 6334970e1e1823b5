"""When it will be done: by what is left of each kind of work, and only while it goes on."""

from __future__ import annotations

from datetime import timedelta

import pytest
from rich.console import Console

from geesync.cli.render import status_view
from geesync.domain.assets.asset import SourceAsset
from geesync.domain.mirror.lifecycle import CheckPassed, NothingToExport, State
from geesync.domain.state_machine import Delayed
from geesync.errors import Cause
from geesync.store.ledger.listing import Listing
from geesync.store.views import status as views
from tests.web.ledgers import HOME, NOW, Story

HOUR = timedelta(hours=1)


def status(story: Story) -> views.Status:
    return views.status(story.path, now=NOW)


def line(story: Story, label: str) -> str:
    """Return a line of what ``geesync status`` prints."""
    console = Console(width=200)
    with console.capture() as printed:
        console.print(status_view(status(story), NOW))
    return next(text for text in printed.get().splitlines() if text.startswith(label))


def a_half(story: Story) -> list[str]:
    """Forty images, of which ten came home in the last hour."""
    names = story.discover(story.enqueue(), 40, at=NOW - HOUR)
    story.bring(names[:10], State.VERIFIED, at=NOW - HOUR / 2)
    return names


def test_the_rest_takes_as_long_as_its_kind_of_work_did(story: Story) -> None:
    a_half(story)

    eta = status(story).eta

    assert eta is not None
    assert eta == pytest.approx(HOUR * 1.5, rel=0.01)
    assert "done in about 1 h 30 min" in line(story, "rate")


def test_folders_take_no_time_and_say_nothing_of_images(story: Story) -> None:
    root = story.enqueue()
    images = story.discover(root, 5, at=NOW - HOUR)
    folders = [SourceAsset({"name": f"{HOME}/f{n}", "type": "FOLDER"}) for n in range(200)]
    Listing(story.database).observe(root.id, folders, NOW - HOUR)
    for event in (NothingToExport(), CheckPassed()):
        story.tell([folder.name for folder in folders], event, at=NOW - HOUR / 2)

    assert status(story).eta is None
    assert status(story).pace.per_hour == 0
    assert images


def test_exports_that_end_and_come_not_home_give_no_time(story: Story) -> None:
    names = story.discover(story.enqueue(), 10, at=NOW - HOUR)
    story.bring(names[:5], State.IN_BUCKET, at=NOW - HOUR / 2)

    assert status(story).eta is None


@pytest.mark.parametrize("why", ["paused", "root paused", "halted", "disk", "alarm"])
def test_no_time_is_told_of_what_stands_still(story: Story, why: str) -> None:
    a_half(story)
    assert status(story).eta is not None
    (root,) = story.roots.active()

    match why:
        case "paused":
            story.roots.pause(None, NOW)
        case "root paused":
            story.roots.pause(root.name, NOW)
        case "halted":
            story.beat(halted={"bucket b": "billing is off"})
        case "disk":
            disk = {"name": "disk", "text": "no room", "holds": True}
            story.beat(brakes=[disk | {"used": 1, "limit": 1, "where": "/m"}])
        case "alarm":
            story.roots.update(root.id, alarm="it lists nothing")

    assert status(story).eta is None
    assert "done in" not in line(story, "rate")


@pytest.mark.parametrize("what", ["a job", "a root that is done", "an asset that is done"])
def test_a_pause_of_something_else_does_not_stop_the_clock(story: Story, what: str) -> None:
    names = a_half(story)
    done = story.enqueue("projects/done/assets")
    story.bring(story.discover(done, 1), State.VERIFIED)

    story.roots.pause({"a job": "ndvi", "a root that is done": done.name}.get(what, names[0]), NOW)

    assert status(story).eta is not None
    assert "done in" in line(story, "rate")


def test_a_brake_that_comes_and_goes_does_not_stop_the_clock(story: Story) -> None:
    a_half(story)
    brake = {"name": "operations", "text": "100 of 100 operations of ours", "holds": True}

    story.beat(brakes=[brake | {"used": 100, "limit": 100, "where": ""}])

    assert status(story).eta is not None


def test_without_a_root_it_says_so(story: Story) -> None:
    assert "nothing is watched; geesync enqueue ROOT" in line(story, "rate")
    assert line(story, "not complete").startswith("not complete: nothing is watched")


def test_what_waits_for_another_try_says_when(story: Story) -> None:
    names = story.discover(story.enqueue(), 2)
    waits = Delayed("no answer", cause=Cause.TRANSIENT, wait=timedelta(minutes=12))

    story.tell(names, waits)

    assert status(story).troubles[0].next_at == NOW + timedelta(minutes=12)
    assert "next in 12 min 0 s" in line(story, " " * 17 + "→")
