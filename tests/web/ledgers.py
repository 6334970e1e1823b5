"""Ledgers that tell a story, made through the same doors as the daemon's."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import sqlalchemy as sa

from geesync.domain.assets.asset import SourceAsset
from geesync.domain.mirror.lifecycle import (
    CheckPassed,
    DownloadFinished,
    ExportsSucceeded,
    ExportStarted,
    SourceFreed,
    SourceGone,
    State,
)
from geesync.domain.mirror.plan import Plan
from geesync.domain.state_machine import Delayed, Event, Refused
from geesync.domain.tasks.exports import Part
from geesync.errors import Cause
from geesync.store.file.database import Database
from geesync.store.ledger.ledger import Ledger, LedgerAsset, Move
from geesync.store.ledger.listing import Listing
from geesync.store.ledger.roots import Root, Roots
from geesync.store.tables import schema
from geesync.store.tables.packing import pack
from geesync.store.views.samples import Samples
from tests.fresh_ledger import open_fresh

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
    State.FREED: (
        *(ExportStarted(), ExportsSucceeded(), DownloadFinished(), CheckPassed()),
        SourceFreed("deleted there on a person's word, kept here"),
    ),
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

    def beat(
        self,
        at: datetime = NOW,
        brakes: list[dict[str, Any]] | None = None,
        halted: Mapping[str, str] | None = None,
        *,
        stalled: Sequence[str] = (),
        direct: dict[str, Any] | None = None,
        **waiting: str,
    ) -> None:
        """Give the daemon's sign of life; halted: why, by destination."""
        alive: dict[str, Any] = {"pid": 4711, "waiting": waiting, "brakes": brakes or []}
        halts = [
            {"work": "exports", "store": store, "reason": reason}
            for store, reason in (halted or {}).items()
        ]
        alive |= {"halts": halts, "stalled": list(stalled)}
        alive |= {"direct": direct} if direct else {}
        self.roots.put("heartbeat", json.dumps(alive), at)

    def queue(self, at: datetime = NOW, **counts: int) -> None:
        self.roots.put("queue", json.dumps(counts), at)

    def land(self, names: list[str], at: datetime) -> None:
        """Give assets an export that brought a file, as the steps would."""
        found = [self.ledger.find(name) for name in names]
        with self.database.write() as connection:
            for asset in (asset for asset in found if asset):
                plan = sa.insert(schema.plan).values(
                    asset_id=asset.id,
                    revision=asset.revision,
                    options="",
                    document=pack(Plan((Part("", "tif"),)).to_json()),
                    made_at=at - timedelta(hours=2),
                )
                plan_id = _inserted(connection, plan)
                task = sa.insert(schema.task).values(
                    subject_kind="asset",
                    subject_id=asset.id,
                    subject=asset.name,
                    kind="image:export",
                    plan_id=plan_id,
                    part=".tif",
                    attempt=1,
                    state="succeeded",
                    revision=asset.revision,
                    body_hash="",
                    token=f"t{asset.id}",
                    operation=f"OP{asset.id:06}",
                    eecu_s=12.5,
                    destination_kind="bucket",
                    destination="staging",
                    prefix=f"geesync/{asset.id}",
                    intended_at=at - timedelta(hours=2),
                    ended_at=at,
                )
                file = sa.insert(schema.file).values(
                    plan_id=plan_id,
                    part=".tif",
                    task_id=_inserted(connection, task),
                    way="bucket",
                    generation=1,
                    suffix=".tif",
                    name=_file(asset),
                    size_bytes=asset.size_bytes * 4 // 5,
                    crc32c=0xC0FFEE12,
                )
                connection.execute(file)
            connection.execute(
                sa.update(schema.file)
                .where(schema.file.c.landed_at.is_(None))
                .values(landed_at=at, swept_at=at)
            )

    def paint(self, names: list[str]) -> None:
        """Put landscapes into the mirror as these images' files."""
        for name in names:
            asset = self.ledger.find(name)
            assert asset
            landscape(self.mirror / asset.path / _file(asset), seed=asset.id)


def _inserted(connection: sa.Connection, insert: sa.Insert) -> int:
    (key,) = connection.execute(insert).inserted_primary_key or (0,)
    return int(key)


def _file(asset: LedgerAsset) -> str:
    return f"{asset.path.rpartition('/')[2]}.tif"


def landscape(path: Path, *, seed: int) -> None:
    """Write a small image with hills, a lake and a masked edge."""
    luck = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:160, 0:160] / 160
    waves = [(luck.uniform(1, 9), luck.uniform(0, 6.3), luck.uniform(0, 6.3)) for _ in range(14)]
    height = sum(
        np.sin(often * (rows * np.sin(turn) + columns * np.cos(turn)) * 3 + start) / often
        for often, turn, start in waves
    )
    height = (height - np.min(height)) / np.ptp(height) + luck.uniform(0, 0.05, (160, 160))
    green, stone = np.array([50, 84, 46]), np.array([226, 214, 196])
    share = np.clip((height - 0.33) / 0.5, 0, 1)
    bands = green[:, None, None] * (1 - share) + stone[:, None, None] * share
    lake = np.array([26, 52, 84])[:, None, None]
    bands = 30 * np.where(height > 0.33, bands, lake + 20 * height)
    bands[:, columns - rows * 0.2 < luck.uniform(-0.1, 0.12)] = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    place = {"crs": "EPSG:32632", "transform": rasterio.Affine(30, 0, 500_000, 0, -30, 5_000_000)}
    shape = {"count": 3, "height": 160, "width": 160, "dtype": "uint16", "nodata": 0}
    with rasterio.open(path, "w", driver="GTiff", **place, **shape) as dataset:
        dataset.write(np.clip(bands, 0, 65535).astype(np.uint16))
        dataset.descriptions = ("B4", "B3", "B2")


def open_story(folder: Path) -> Story:
    """Return a story of which nothing was told yet."""
    mirror = folder / "mirror"
    (mirror / ".geesync").mkdir(parents=True)
    return Story(open_fresh(folder / "geesync.db"), mirror)


#: Assets that are verified in each hour: slower at night, with an outage.
_HOURLY = (4, 5, 6, 6, 5, 7, 6, 4, 3, 2, 2, 0, 0, 0, 1, 4, 7, 8, 7, 6, 5, 6, 7, 5, 6, 7, 6, 5, 7, 7)


def busy(story: Story, count: int = 240) -> None:
    """Half-way through: every state is in use, nothing is wrong."""
    names = _mirrored(story, count, _HOURLY)
    rest = names[sum(_HOURLY) :]
    story.tell(rest[:11], ExportsSucceeded())
    story.tell(rest[:4], DownloadFinished())
    story.queue(running=2, queued=38, foreign=4)
    story.beat()
    story.sample(NOW)


def _mirrored(story: Story, count: int, hourly: Sequence[int]) -> list[str]:
    """Let so many assets be verified in each of the last hours; returns all names in order."""
    start = NOW - timedelta(hours=len(hourly))
    names = story.discover(story.enqueue(), count, at=start)
    random.Random(7).shuffle(names)
    asked = verified = 0
    for hour, share in enumerate(hourly):
        at = start + timedelta(hours=hour, minutes=50)
        ahead = min(count, verified + share + 12 + hour % 5)
        story.tell(names[asked:ahead], ExportStarted(), at=at)
        asked = max(asked, ahead)
        done = names[verified : verified + share]
        for event in (ExportsSucceeded(), DownloadFinished(), CheckPassed()):
            story.tell(done, event, at=at)
        story.land(done, at)
        verified += share
        left = count - verified
        story.queue(running=min(2, left), queued=min(left, 34 + hour % 7), foreign=hour % 4)
        story.sample(at + timedelta(minutes=10))
    story.paint(names[max(0, verified - 30) : verified])
    return names


def troubled(story: Story) -> None:
    """As busy, with everything that can go wrong."""
    busy(story)
    names = [row for row in _names(story) if _state(story, row) == State.DISCOVERED]
    empty = Refused("no valid (un-masked) pixels in the export", cause=Cause.FAILED)
    story.tell(names[:11], empty)
    story.tell(names[11:14], Refused("cancelled by somebody else", cause=Cause.CANCELLED))
    full = Delayed("/srv/gee-mirror has no room", cause=Cause.DISK)
    story.tell(names[14:20], full)
    denied = Delayed("storage.objects.create denied for the bucket", cause=Cause.PERMISSION)
    story.tell(names[20:24], denied)
    story.bring(names[24:30], State.GONE)
    root = story.roots.active()[0]
    story.roots.update(root.id, alarm="it lists nothing, though assets are known below it")
    story.beat(downloader="/srv/gee-mirror has no room, or is no mirror")


def done(story: Story, count: int = 240) -> None:
    """Everything is verified."""
    pace = (9, 11, 10, 12, 8, 6, 5, 5, 7, 10, 12, 13) * 2
    _mirrored(story, count, [*pace, count - sum(pace)])
    story.queue(running=0, queued=0, foreign=0)
    story.beat()
    story.sample(NOW)


def empty(_story: Story) -> None:
    """Installed, and nothing enqueued."""


SCENES: dict[str, Callable[[Story], None]] = {
    "empty": empty,
    "busy": busy,
    "troubled": troubled,
    "done": done,
}


def _names(story: Story) -> list[str]:
    with story.database.read() as connection:
        return list(connection.exec_driver_sql("SELECT name FROM asset ORDER BY id").scalars())


def _state(story: Story, name: str) -> State | None:
    found = story.ledger.find(name)
    return found.standing.state if found else None


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
