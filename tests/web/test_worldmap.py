from __future__ import annotations

import pytest

from geesync.domain.assets.footprint import Box
from geesync.domain.mirror.lifecycle import State
from geesync.store.browsing import pages as browsing
from geesync.store.browsing.pages import Spot, spots
from geesync.web.worldmap import draw, is_local
from tests.web.ledgers import Story

ALPS = Spot(Box(6, 45, 7, 46), {"verified": 1}, "alps")
GLOBE = Spot(Box(-180, -90, 180, 90), {"verified": 1}, "globe")


def test_a_small_area_is_shown_with_its_surroundings() -> None:
    west, top, width, height = map(float, draw([ALPS, GLOBE], whole=False).view.split())

    assert west < 6 < west + width < 60
    assert top < -45 < top + height
    assert is_local([ALPS, GLOBE])
    assert not is_local([GLOBE])


def test_a_footprint_of_the_whole_globe_hides_no_other() -> None:
    globe, alps = draw([ALPS, GLOBE], whole=True).marks

    assert (globe.title, globe.wide) == ("globe", True)
    assert (alps.title, alps.wide) == ("alps", False)


def test_a_footprint_across_the_date_line_is_on_both_sides() -> None:
    marks = draw([Spot(Box(178, -20, 184, -16), {"verified": 1}, "fiji")], whole=True).marks

    assert sorted(mark.x for mark in marks) == [-182, 178]


def test_one_quarantined_scene_among_many_is_seen() -> None:
    spot = Spot(Box(0, 0, 2, 2), {"verified": 999, "quarantined": 1})

    (mark,) = draw([spot], whole=True).marks

    assert mark.state == "quarantined"


def test_many_footprints_are_counted_by_cells(story: Story) -> None:
    story.discover(story.enqueue(), 700)

    places = spots(story.path)

    assert len(places) < 400
    assert sum(sum(place.counts.values()) for place in places) == 700
    assert {place.box.east - place.box.west for place in places} == {2}


def test_more_cells_than_can_be_told_apart_are_drawn_as_larger_squares(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(browsing, "_MANY", 50)
    story.discover(story.enqueue(), 700)

    places = spots(story.path)

    assert 0 < len(places) <= 50
    assert sum(sum(place.counts.values()) for place in places) == 700
    assert min(place.box.east - place.box.west for place in places) > 2


def test_the_map_keeps_no_trace_of_states_that_assets_have_left(story: Story) -> None:
    names = story.discover(story.enqueue(), 5)

    story.bring(names, State.VERIFIED)

    with story.database.read() as connection:
        states = connection.exec_driver_sql("SELECT DISTINCT state FROM cell").scalars().all()
    assert states == ["verified"]
