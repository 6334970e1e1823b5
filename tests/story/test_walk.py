"""The random walk: whatever happens in whatever order, what is said to be good is good."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from geesync.simulator.profiles import CALM, always
from geesync.simulator.simulator import Simulator
from geesync.simulator.world.pixels import SimAsset
from tests.story.accounts import HOME, a_band, an_account
from tests.story.world import World, a_world

VALUES = np.arange(12 * 9).reshape(9, 12)
MASK = VALUES % 4 > 0
FOLDERS = count()

NAMES = st.sampled_from(["a", "b", "sub/c", "coll/d"])
PIXELS = st.integers(0, 99)
STEPS = st.sampled_from(
    ["discoverer", "exporter", "reconciler", "downloader", "verifier", "sweeper"]
)
TROUBLES: list[dict[str, Any]] = [
    {"action": "status", "server": "earth_engine", "count": 4},
    {"action": "reset", "server": "earth_engine", "path": "listAssets"},
    {"action": "html", "status": 502, "path": "listAssets", "count": 4},
    {"action": "drop_response", "method": "POST", "path": "image:export"},
    {"action": "status", "status": 403, "path": "image:export"},
    {"action": "status", "server": "storage", "count": 5},
    {"action": "reset", "server": "storage", "path": "alt=media", "after_bytes": 300},
    {"action": "corrupt", "server": "storage", "path": "alt=media", "after_bytes": 300},
    {"action": "status", "status": 404, "server": "storage", "path": "alt=media"},
    {"action": "drop_response", "path": "/batch/"},
]


@cache
def running() -> Simulator:
    """Return one service for all walks; each walk has a folder of its own in it."""
    profile = replace(CALM, run_s=always(90), running_slots=4, list_lag_s=(0.0, 20.0))
    return Simulator(an_account(), profile=profile).start()


@pytest.fixture(autouse=True)
def _stopped() -> Iterator[None]:
    yield
    running().stop()
    running.cache_clear()


class Walk(RuleBasedStateMachine):
    """An account that lives, a service that fails, and a daemon that is killed."""

    def __init__(self) -> None:
        super().__init__()
        self.simulator = running()
        self.home = f"{HOME}/w{next(FOLDERS)}"
        self.disk = Path(tempfile.mkdtemp(prefix="walk-"))
        self.published: dict[str, set[int]] = {}
        self.proved: set[tuple[str, int, int]] = set()
        self.daemon = ExitStack()
        self.world: World

    @initialize()
    def begin(self) -> None:
        put = self.simulator.world.put
        put(SimAsset(self.home, "FOLDER"))
        put(SimAsset(f"{self.home}/sub", "FOLDER"))
        put(SimAsset(f"{self.home}/coll", "IMAGE_COLLECTION"))
        self.start()
        self.world.enqueue(self.home)

    def start(self) -> None:
        self.world = self.daemon.enter_context(a_world(self.simulator, self.disk))

    # --- What happens.

    @rule(name=NAMES, pixels=PIXELS)
    def publish(self, name: str, pixels: int) -> None:
        """Put an image, or other pixels into it."""
        self.published.setdefault(name, set()).add(pixels)
        band = a_band("b", (VALUES + pixels).astype("uint8"), MASK)
        asset = SimAsset(f"{self.home}/{name}", "IMAGE", bands=(band,))
        self.simulator.world.put(asset, overwrite=True)

    @rule(name=NAMES)
    def vanish(self, name: str) -> None:
        if self.simulator.world.find(f"{self.home}/{name}"):
            self.simulator.world.delete(f"{self.home}/{name}")

    @rule(seconds=st.sampled_from([1, 30, 100, 700]))
    def tick(self, seconds: int) -> None:
        self.simulator.advance(seconds)

    @rule(step=STEPS)
    def work(self, step: str) -> None:
        self.world.run(step)

    @rule()
    def work_on(self) -> None:
        self.world.run()
        self.simulator.advance(50)
        self.world.run()

    @rule()
    def look(self) -> None:
        self.world.service.roots.scan_all(self.world.now())

    @rule(trouble=st.sampled_from(TROUBLES))
    def trouble(self, trouble: dict[str, Any]) -> None:
        self.simulator.faults.add(**trouble)

    @rule(code=st.sampled_from([(13, "Internal error."), (8, "Execution failed; out of memory.")]))
    def misfortune(self, code: tuple[int, str]) -> None:
        pattern = self.home.rpartition("/")[2]
        self.simulator.operations.fail(f"-{pattern}-", *code)

    @rule()
    def crash(self) -> None:
        """Kill the daemon and start it again: only the ledger and the disk are left."""
        self.daemon.close()
        self.start()

    # --- What must hold.

    @invariant()
    def no_file_under_a_final_name_is_wrong(self) -> None:
        home = self.disk / "mirror/users/x" / self.home.rpartition("/")[2]
        for name, pixels in self.published.items():
            for file in (home / name).glob("*.tif"):
                state = file.stat()
                key = (str(file), state.st_ino, state.st_mtime_ns)
                if key not in self.proved:
                    assert _is_one_of(file, pixels), f"{file} holds what nobody published"
                    self.proved.add(key)

    def teardown(self) -> None:
        """When it is quiet, each listed asset is verified and exact, or told with its reason."""
        try:
            self.come_to_rest()
        finally:
            self.daemon.close()
            self.simulator.faults.clear()
            shutil.rmtree(self.disk)

    def come_to_rest(self) -> None:
        self.simulator.faults.clear()
        for _ in range(2):  # what vanished while its last copy was on its way is gone after that
            self.world.service.roots.scan_all(self.world.now())
            self.world.settle()
        self.no_file_under_a_final_name_is_wrong()
        listed = {asset.name for asset in self.simulator.world.walk(self.home)}
        for name in listed:
            told = self.world.show(name)
            assert told["state"] in {"verified", "quarantined"}, told
            assert told["state"] == "verified" or told["reason"], told
            if told["state"] == "verified" and told["type"] == "IMAGE":
                assert self.world.is_exact(name), told
        for name in self.published.keys() - {name.removeprefix(f"{self.home}/") for name in listed}:
            assert self.known(f"{self.home}/{name}") in {None, "gone"}

    def known(self, name: str) -> str | None:
        asset = self.world.service.ledger.find(name)
        return str(asset.standing.state) if asset else None


def _is_one_of(file: Path, pixels: set[int]) -> bool:
    with rasterio.open(file) as dataset:
        found = dataset.read(1, masked=True)
    return any(
        np.array_equal(found.filled(-1)[MASK], (VALUES + add).astype("uint8")[MASK])
        for add in pixels
    )


def test_a_random_walk_ends_in_exact_copies() -> None:
    run_state_machine_as_test(
        Walk,
        settings=settings(
            max_examples=12,
            stateful_step_count=25,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),  # a walk through a whole world is slow
        ),
    )
