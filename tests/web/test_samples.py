from __future__ import annotations

from datetime import timedelta

from geesync.domain.mirror.checking import KeptFile
from geesync.domain.mirror.lifecycle import State
from geesync.store.copies.fetched import Fetched, FetchedCopy
from geesync.store.tasks.plans import Plans
from geesync.store.views import samples
from geesync.store.views.samples import totals
from geesync.web.curves import states
from tests.web.ledgers import NOW, Story


def test_a_sample_says_how_it_stood(story: Story) -> None:
    names = story.discover(story.enqueue(), 4)
    story.bring(names[:1], State.VERIFIED)
    story.queue(running=2, queued=7, foreign=1)

    story.sample(NOW)

    (sample,) = samples.since(story.path, NOW)
    assert sample.counts == {"discovered": 3, "verified": 1}
    assert (sample.verified, sample.running, sample.queued) == (1, 2, 7)


def test_samples_grow_sparser_with_age(story: Story) -> None:
    for hour in range(0, 70 * 24, 8):
        story.sample(NOW + timedelta(hours=hour))
    for quarter in range(1, 9):
        story.sample(NOW + timedelta(days=70, minutes=15 * quarter))

    kept = [sample.at for sample in samples.since(story.path, NOW)]

    assert sum(at < NOW + timedelta(days=9) for at in kept) == 9  # one a day
    assert sum(at > NOW + timedelta(days=30) for at in kept) > 40 * 3 - 3  # one an hour
    assert sum(at > NOW + timedelta(days=70) for at in kept) == 8  # all


def test_a_curve_does_not_rise_from_a_time_when_nothing_was_known(story: Story) -> None:
    story.sample(NOW - timedelta(minutes=20))
    names = story.discover(story.enqueue(), 10)
    for minutes in (10, 5):
        story.sample(NOW - timedelta(minutes=minutes))

    drawn = states(samples.since(story.path, NOW - timedelta(hours=1)))

    assert names
    assert drawn is not None
    assert drawn.start == NOW - timedelta(minutes=10)
    assert [layer.path for layer in drawn.layers] == ["M0 0L720 0L720 200L0 200z"]


def test_what_is_read_directly_is_drawn_as_downloaded(story: Story) -> None:
    (name,) = story.discover(story.enqueue(), 1)
    asset = story.ledger.find(name)
    assert asset
    story.land([name], NOW)
    plan_id = Plans(story.database).latest([asset.id])[asset.id].id
    before = totals(story.path).sum_of("landed_bytes")

    file = KeptFile("a.tif", 1234, 0)
    Fetched(story.database).put([FetchedCopy(plan_id, {".tif": file}, {})], NOW, answers=1)

    assert totals(story.path).sum_of("landed_bytes") == before + 1234
