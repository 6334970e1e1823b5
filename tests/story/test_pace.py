"""Exports that are asked for slowly: nobody else waits, and what was asked meanwhile is heard."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from geesync.config import Config
from geesync.simulator.profiles import CALM
from geesync.simulator.simulator import Simulator
from tests.story.accounts import HOME, a_band, an_account, an_image
from tests.story.world import a_world

THREADS = Config().throttle.downloads
IMAGES = [
    an_image(f"i{number:02d}", a_band("b", np.ones((2, 2), "uint8")))
    for number in range(2 * THREADS + 1)
]
FIRST, *OTHERS = (image.name for image in IMAGES)


def test_nobody_else_waits_while_asks_for_exports_wait_for_their_turn(tmp_path: Path) -> None:
    turn, waits = threading.Event(), threading.Semaphore(0)

    def wait(_: float) -> None:
        waits.release()
        turn.wait()

    with (
        Simulator(an_account(*IMAGES), profile=CALM) as simulator,
        a_world(simulator, tmp_path) as world,
        ThreadPoolExecutor(2) as beside,
    ):
        world.enqueue(FIRST)
        world.run("discoverer", "exporter")
        simulator.advance(120)
        world.enqueue(HOME)
        world.run("discoverer")
        submits = world.service.pace.submits
        submits.requests_per_s, submits.sleep = 1, wait

        try:
            exporting = beside.submit(world.run, "exporter")
            for _ in range(THREADS):
                assert waits.acquire(timeout=60)
            beside.submit(world.run, "reconciler").result(timeout=60)
        finally:
            turn.set()

        assert world.state(FIRST) == "in_bucket"
        exporting.result()


def test_what_is_asked_for_slowly_is_asked_for_a_bit_at_a_time(tmp_path: Path) -> None:
    with (
        Simulator(an_account(*IMAGES), profile=CALM) as simulator,
        a_world(simulator, tmp_path) as world,
    ):
        for name in OTHERS:
            world.enqueue(name)
        world.service.pace.submits.requests_per_s = 3 / 60

        world.run("discoverer", "exporter")

        assert [world.state(name) for name in OTHERS].count("exporting") == 3
