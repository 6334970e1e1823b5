from __future__ import annotations

from datetime import timedelta

from geesync.domain.mirror.lifecycle import State
from geesync.store.views import samples
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
