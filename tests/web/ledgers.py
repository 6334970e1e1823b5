"""Ledgers that tell a story, made through the same doors as the daemon's."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from geesync.domain.assets import SourceAsset
from geesync.domain.lifecycle import (
    CheckPassed,
    Delayed,
    DownloadFinished,
    Event,
    ExportsSucceeded,
    ExportStarted,
    Refused,
    SourceGone,
    State,
)
from geesync.errors import Cause
from geesync.store.database import Database, open_current
from geesync.store.ledger import Ledger, Move
from geesync.store.listing import Listing
from geesync.store.roots import Root, Roots
from geesync.store.samples import Samples

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
HOME = "projects/earthengine-legacy/assets/users/demo"

#: (west, south, east, north): where the scenes of a story lie.
REGIONS = {
    "alps": (5.0, 44.0, 15.0, 48.0),
    "amazon": (-70.0, -12.0, -50.0, 2.0),
    "sahel": (-10.0, 10.0, 35.0, 17.0),
    "borneo": (108.0, -4.0, 119.0, 7.0),
    "prairie": (-110.0, 42.0, -90.0, 54.0),
    "outback": (118.0, -32.0, 145.0, -18.0),
}

#: What brings an asset from its discovery into a state.
PATHS: dict[State, tuple[Event, ...]] = {
    State.DISCOVERED: (),
    State.EXPORTING: (ExportStarted(),),
    State.IN_BUCKET: (ExportStarted(), ExportsSucceeded()),
    State.DOWNLOADED: (ExportStarted(), ExportsSucceeded(), DownloadFinished()),
    State.VERIFIED: (ExportStarted(), ExportsSucceeded(), DownloadFinished(), CheckPassed()),
    State.GONE: (SourceGone("no longer listed, and not found"),),
}


@dataclass
class Story:
    """A ledger that is being written."""

    database: Database
    mirror: Path

    @property
    def path(self) -> Path:
        return self.database.path

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.database)

    @property
    def roots(self) -> Roots:
        return Roots(self.database)

    def enqueue(self, name: str = HOME) -> Root:
        self.roots.add(name, dest=str(self.mirror), bucket="staging", now=NOW)
        return self.roots.active()[-1]

    def discover(self, root: Root, count: int, *, at: datetime = NOW) -> list[str]:
        """Find images spread over the regions; returns their names."""
        sources = [_image(root.name, number) for number in range(count)]
        Listing(self.database).observe(root.id, sources, at)
        self.roots.update(root.id, scanned_at=at)
        return [source.name for source in sources]

    def bring(self, names: list[str], state: State, *, at: datetime = NOW) -> None:
        """Bring discovered assets into a state."""
        for event in PATHS[state]:
            self.tell(names, event, at=at)

    def tell(self, names: list[str], event: Event, *, at: datetime = NOW) -> None:
        """Let the same happen to many assets."""
        found = [self.ledger.find(name) for name in names]
        self.ledger.record([Move(asset, event) for asset in found if asset], at)

    def sample(self, at: datetime) -> None:
        Samples(self.database).take(at)

    def beat(self, at: datetime = NOW, **waiting: str) -> None:
        """Give the daemon's sign of life."""
        self.roots.put("heartbeat", json.dumps({"pid": 4711, "waiting": waiting}), at)

    def queue(self, at: datetime = NOW, **counts: int) -> None:
        self.roots.put("queue", json.dumps(counts), at)


def open_story(folder: Path) -> Story:
    """Return a story of which nothing was told yet."""
    mirror = folder / "mirror"
    (mirror / ".geesync").mkdir(parents=True)
    return Story(open_current(folder / "geesync.db"), mirror)


def busy(story: Story, count: int = 240) -> None:
    """Half-way through: every state is in use, nothing is wrong."""
    start = NOW - timedelta(hours=30)
    root = story.enqueue()
    names = story.discover(root, count, at=start)
    _shuffled(names)
    rounds = 30
    for hour in range(rounds):
        share = names[hour * count // 50 : (hour + 1) * count // 50]
        story.bring(share, State.VERIFIED, at=start + timedelta(hours=hour, minutes=40))
        story.sample(start + timedelta(hours=hour + 1))
    rest = names[rounds * count // 50 :]
    story.bring(rest[:9], State.EXPORTING)
    story.bring(rest[9:16], State.IN_BUCKET)
    story.bring(rest[16:20], State.DOWNLOADED)
    story.queue(running=2, queued=38, foreign=4)
    story.beat()
    story.sample(NOW)


def troubled(story: Story) -> None:
    """As busy, with everything that can go wrong."""
    busy(story)
    names = [row for row in _names(story) if _state(story, row) == State.DISCOVERED]
    empty = Refused("no valid (un-masked) pixels in the export", cause=Cause.FAILED)
    story.tell(names[:11], empty)
    story.tell(names[11:14], Refused("cancelled by somebody else", cause=Cause.CANCELLED))
    full = Delayed(f"{story.mirror} has no room", cause=Cause.DISK)
    story.tell(names[14:20], full)
    denied = Delayed("storage.objects.create denied for the bucket", cause=Cause.PERMISSION)
    story.tell(names[20:24], denied)
    story.bring(names[24:30], State.GONE)
    root = story.roots.active()[0]
    story.roots.update(root.id, alarm="it lists nothing, though assets are known below it")
    story.beat(downloader=f"{story.mirror} has no room, or is no mirror")


def done(story: Story, count: int = 240) -> None:
    """Everything is verified."""
    start = NOW - timedelta(hours=30)
    names = story.discover(story.enqueue(), count, at=start)
    _shuffled(names)
    for hour in range(24):
        share = names[hour * count // 24 : (hour + 1) * count // 24]
        story.bring(share, State.VERIFIED, at=start + timedelta(hours=hour, minutes=40))
        story.sample(start + timedelta(hours=hour + 1))
    story.queue(running=0, queued=0, foreign=0)
    story.beat()
    story.sample(NOW)


def _names(story: Story) -> list[str]:
    with story.database.read() as connection:
        return list(connection.exec_driver_sql("SELECT name FROM asset ORDER BY id").scalars())


def _state(story: Story, name: str) -> State | None:
    found = story.ledger.find(name)
    return found.standing.state if found else None


def _shuffled(names: list[str]) -> None:
    random.Random(7).shuffle(names)


def _image(parent: str, number: int) -> SourceAsset:
    place = sorted(REGIONS)[number % len(REGIONS)]
    west, south, east, north = REGIONS[place]
    luck = random.Random(number)
    x, y = luck.uniform(west, east), luck.uniform(south, north)
    ring = [[x, y], [x + 1.8, y], [x + 1.8, y + 1.6], [x, y + 1.6], [x, y]]
    return SourceAsset(
        {
            "type": "IMAGE",
            "name": f"{parent}/{place}/scene_{number:04}",
            "updateTime": "2026-01-01T00:00:00Z",
            "sizeBytes": str(luck.randint(20, 900) * 1024 * 1024),
            "geometry": {"type": "Polygon", "coordinates": [ring]},
        }
    )
