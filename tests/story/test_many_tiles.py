"""An image that comes in as many files as one of 50 GB: three late, half of them hard to get."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from geesync.simulator.profiles import CALM
from geesync.simulator.simulator import Simulator
from tests.story.accounts import a_band, an_account, an_image
from tests.story.world import BESIDE, World, a_world

pytestmark = pytest.mark.slow

EDGE = 16
TILES = 2000
COLUMNS = 25
ROWS = TILES // COLUMNS
PIXELS = np.arange(ROWS * COLUMNS * EDGE * EDGE).reshape(ROWS * EDGE, COLUMNS * EDGE)
IMAGE = an_image("large", a_band("b", PIXELS.astype("int32")))


class Held:
    """Objects that are not in the bucket yet, though the operation has succeeded."""

    def __init__(self, world: World, folder: Path, *ends: str) -> None:
        self._simulator = world.simulator
        listed: list[str] = []
        page: dict[str, Any] = {"nextPageToken": ""}
        while "nextPageToken" in page:
            token = {"pageToken": page["nextPageToken"]} if page["nextPageToken"] else {}
            page = httpx.get(self._url(""), params=token).json()
            listed += [item["name"] for item in page["items"]]
        self.all = len(listed)
        self._files = {
            name: folder / name.rpartition("/")[2] for name in listed if name.endswith(ends)
        }
        for name, file in self._files.items():
            self._simulator.storage.download(self._simulator.bucket, name, file)
            httpx.delete(self._url(f"/{name.replace('/', '%2F')}")).raise_for_status()

    def _url(self, rest: str) -> str:
        simulator = self._simulator
        return f"{simulator.storage_url}/storage/v1/b/{simulator.bucket}/o{rest}"

    def __len__(self) -> int:
        return len(self._files)

    def release(self) -> None:
        for name, file in self._files.items():
            self._simulator.storage.upload(self._simulator.bucket, name, file, "image/tiff")


def place(row: int, column: int) -> str:
    """Return how the name of a tile ends."""
    return f"{row * EDGE:010}-{column * EDGE:010}.tif"


def landed(world: World) -> int:
    return sum(obj["landed_at"] is not None for obj in world.show(IMAGE.name)["objects"])


def test_an_image_is_done_when_the_last_of_its_tiles_is_and_none_is_fetched_twice(
    tmp_path: Path,
) -> None:
    with (
        Simulator(an_account(IMAGE), profile=replace(CALM, file_edge=EDGE)) as simulator,
        a_world(simulator, tmp_path, workers=BESIDE) as world,
    ):
        world.enqueue("users/x")
        world.run("discoverer", "exporter")
        simulator.advance(3600)
        late = Held(world, tmp_path, place(0, 0), place(1, 2), place(ROWS - 1, COLUMNS - 1))

        world.run("reconciler")
        world.run("reconciler")
        assert (late.all, len(late)) == (TILES, 3)
        assert world.state(IMAGE.name) == "exporting"
        late.release()
        world.run("reconciler")
        assert world.state(IMAGE.name) == "in_bucket"

        trouble = simulator.faults.add("status", path="alt=media", skip=TILES // 2, count=None)
        world.run("downloader")
        simulator.faults.clear()
        some = landed(world)
        assert trouble.fired
        assert 0 < some < TILES
        assert world.state(IMAGE.name) == "in_bucket"

        fetched = simulator.faults.add("delay", path="alt=media", count=0)
        world.settle()

        assert world.counts() == {"verified": 2}
        assert fetched.seen <= TILES - some  # some had come, and were yet to be told
        assert landed(world) == TILES
        assert world.is_exact(IMAGE.name)
        assert world.accepted(IMAGE.name) == 1
