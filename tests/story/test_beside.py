"""Bytes that are moved and read by processes beside the daemon, or by its own threads."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from geesync.domain.assets.names import LEGACY
from geesync.simulator.simulator import Simulator
from tests.service.daemon_process import eventually
from tests.story.accounts import HOME, a_band, an_account, an_image
from tests.story.deadly import a_deadly_table, assert_only_it_is_quarantined
from tests.story.world import BESIDE, a_world

#: Noise, so that a file is large enough to break in the middle.
NOISE = np.random.default_rng(1).integers(0, 255, (600, 700)).astype("uint8")


@pytest.mark.parametrize("executor", ["processes", "threads"])
def test_an_account_is_mirrored_pixel_by_pixel_whoever_does_it(
    executor: str, tmp_path: Path
) -> None:
    with (
        Simulator("small") as simulator,
        a_world(simulator, tmp_path, workers={"executor": executor}) as world,
    ):
        world.enqueue("users/demo")
        world.settle()

        assets = list(simulator.world.walk(f"{LEGACY}users/demo"))
        images = [asset.name for asset in assets if asset.type == "IMAGE"]
        assert world.counts() == {"verified": len(assets)}
        assert [name for name in images if not world.is_exact(name)] == []
        assert not [*world.mirror.rglob("*.part"), *world.mirror.rglob("*.new")]


def test_a_file_that_kills_who_reads_it_is_quarantined_and_the_daemon_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison = a_deadly_table(tmp_path, monkeypatch)
    sound = [an_image(f"img{number}", a_band("b", NOISE[:9, :9])) for number in range(6)]
    with (
        Simulator(an_account(poison, *sound)) as simulator,
        a_world(simulator, tmp_path, workers=BESIDE) as world,
    ):
        world.enqueue(HOME)
        world.settle()

        assert_only_it_is_quarantined(world, poison, sound)


@pytest.mark.parametrize("executor", ["processes", "threads"])
def test_what_has_come_goes_on_while_others_still_come(executor: str, tmp_path: Path) -> None:
    images = [an_image(f"img{number}", a_band("b", NOISE)) for number in range(4)]
    stop = threading.Event()
    with (
        Simulator(an_account(*images)) as simulator,
        a_world(simulator, tmp_path, workers={"executor": executor}, stop=stop) as world,
    ):
        world.enqueue(HOME)
        world.run("discoverer", "exporter")
        simulator.advance(60)
        world.run("reconciler")
        simulator.faults.add("stall", path="img2.*alt=media", after_bytes=150_000, seconds=600)

        downloading = threading.Thread(target=world.run, args=("downloader",))
        downloading.start()
        others = [image.name for image in images if not image.name.endswith("2")]
        try:
            eventually(lambda: {world.state(name) for name in others} == {"downloaded"})
            assert world.state(images[2].name) == "in_bucket"
        finally:
            stop.set()
            downloading.join()
