"""Images that are read directly, killed again and again: what is on disk is not asked for twice."""

from __future__ import annotations

import random
import re
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from geesync.config import Config
from geesync.simulator.profiles import HELL
from geesync.simulator.simulator import Simulator
from geesync.store.views import status as views
from tests.soak.orders import Zygote, a_zygote, in_a_hurry
from tests.soak.zygote import fast_clock
from tests.story.accounts import a_band, an_account, an_image
from tests.story.world import a_world

#: An image's name, and the row and column where a tile of it begins.
Place = tuple[str, int, int]

_HEIGHT, _WIDTH = 700, 900
_PIECE = re.compile(
    r"(?P<image>i\d+)\.tif\.\d+-(?P<row>\d+)-(?P<column>\d+)-\d+-\d+-[0-9a-f]{32}\..*"
)
_LOOK_S = 0.002


@dataclass
class DirectVerdict:
    """What came of it."""

    kills: int = 0
    asked: int = 0  #: tiles
    twice: list[Place] = field(default_factory=list)  #: asked for while they were on disk
    counts: dict[str, int] = field(default_factory=dict)
    inexact: list[str] = field(default_factory=list)


@dataclass
class DirectSoak:
    """An account of some images, each in many tiles."""

    folder: Path
    kills: int
    images: int = 6
    seed: int = 1
    _began: float = field(default_factory=time.time, init=False)

    def run(self) -> DirectVerdict:
        """Kill it so many times, then let it come to its end."""
        verdict = DirectVerdict()
        rng = random.Random(self.seed)
        profile = replace(
            HELL,
            # Its clock runs faster than ours, by which its limits of calls go.
            calls_per_s=2000.0,
            calls_at_once=1000.0,
            burst_s=0.5,
            latency_s=0.002,
            direct_memory_bytes=500_000,
        )
        account, seed = self._account(), self.seed
        with Simulator(account, profile=profile, seed=seed, speed=_SPEED) as simulator:
            with a_world(simulator, self.folder, direct=_DIRECT) as world:
                root, config = world.enqueue("users/x"), world.config
                names = [f"{root}/i{number}" for number in range(self.images)]
                world.service.pace.requests.tries = 1_000  # of reading, not of scans, is this
                world.run("discoverer")
                assert sum(world.counts().values()) == self.images + 1
            with a_zygote() as zygote:
                while verdict.kills < self.kills:
                    self._life(zygote, simulator, config, verdict, rng.randint(1, 4))
                self._life(zygote, simulator, config, verdict, None)
            with a_world(simulator, self.folder, direct=_DIRECT) as world:
                verdict.counts = world.counts()
                verdict.inexact = [name for name in names if not world.is_exact(name)]
            verdict.asked = len(_asked(simulator))
        return verdict

    def _account(self) -> Any:
        rng = np.random.default_rng(self.seed)
        shape = (_HEIGHT, _WIDTH)
        mask = (rng.random(shape) > 0.4).astype(np.float32)
        return an_account(
            *(
                an_image(
                    f"i{number}", a_band("b", rng.integers(0, 65536, shape, dtype=np.uint16), mask)
                )
                for number in range(self.images)
            )
        )

    def _life(
        self,
        zygote: Zygote,
        simulator: Simulator,
        config: Config,
        verdict: DirectVerdict,
        tiles: int | None,
    ) -> None:
        """Let a daemon live for some tiles, or to the end; see what it asked for in vain."""
        there = self._on_disk()
        before = len(_asked(simulator))
        order = in_a_hurry(config, self.folder, began=self._began, speed=_SPEED, chunk=3)
        pid = zygote.begin(order)
        deadline = time.monotonic() + (3.0 if tiles else 120.0)
        while time.monotonic() < deadline:
            if tiles is None and not self._moving(config):
                break
            if tiles is not None and len(_asked(simulator)) >= before + tiles:
                break
            time.sleep(_LOOK_S)
        zygote.end(pid)
        verdict.kills += tiles is not None
        verdict.twice += [place for place in _asked(simulator)[before:] if place in there]

    def _moving(self, config: Config) -> int:
        status = views.status(config.ledger, now=fast_clock(self._began, _SPEED)())
        return status.moving + sum(root.scanned_at is None for root in status.roots)

    def _on_disk(self) -> set[Place]:
        found: set[Place] = set()
        for path in (self.folder / "mirror").rglob("*"):
            if match := _PIECE.fullmatch(path.name):
                found.add((match["image"], int(match["row"]), int(match["column"])))
        return found


#: Of the account's clock.
_SPEED = 3600.0

#: Threads end with their process, and nothing is read a second time on purpose.
_DIRECT = {"reread": "none", "at_once": 3}


def _asked(simulator: Simulator) -> list[Place]:
    return [_place(record.details) for record in simulator.audit.records("compute_pixels")]


def _place(told: dict[str, Any]) -> Place:
    affine = told["grid"]["affineTransform"]
    column = round((affine["translateX"] - 500_000) / 30)
    row = round((5_000_000 - affine["translateY"]) / 30)
    return str(told["assets"][0]).rpartition("/")[2], row, column
