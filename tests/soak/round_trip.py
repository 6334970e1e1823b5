"""There and back while everything goes wrong: killed again and again, at home, away and at home."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from geesync.config import Config
from geesync.simulator.profiles import HELL
from geesync.simulator.simulator import Simulator
from geesync.store.file.database import Database
from geesync.store.making.restores import Restores
from geesync.store.views import status as views
from tests.soak.orders import Zygote, a_zygote, in_a_hurry
from tests.soak.zygote import fast_clock
from tests.story.round_trip import BACK, differences, nasty, restore
from tests.story.world import a_world

#: Of the account's clock.
_SPEED = 7200.0
_DIRECT = {"reread": "none", "at_once": 3}
_LONGEST_LIFE_S = 0.8
_LONGEST_END_S = 240.0
_LOOK_S = 0.05


@dataclass
class RoundTripVerdict:
    """What came of it."""

    kills: int = 0
    states: set[str] = field(default_factory=set)  #: of what was restored
    counts: dict[str, int] = field(default_factory=dict)  #: of both copies, by state

    wrong: dict[str, list[str]] = field(default_factory=dict)
    """By asset: how its second copy differs from its first, but for what was named before."""


@dataclass
class RoundTrip:
    """A nasty account that is mirrored, made again, and mirrored anew."""

    folder: Path
    kills: int
    seed: int = 1
    _began: float = field(default_factory=time.time, init=False)

    def run(self) -> RoundTripVerdict:
        """Kill it so many times, a third at each leg of the way."""
        verdict = RoundTripVerdict()
        with (
            Simulator(nasty(), profile=HELL, seed=self.seed, speed=_SPEED) as simulator,
            a_zygote() as zygote,
        ):
            with a_world(simulator, self.folder, direct=_DIRECT, bucket=True) as world:
                config = world.config
                world.enqueue("users/exact")
            self._leg(zygote, config, verdict, lambda: self._is_quiet(config))
            with a_world(simulator, self.folder, direct=_DIRECT, bucket=True) as world:
                restore(world, ["users/exact"])
            self._leg(zygote, config, verdict, lambda: self._is_restored(config))
            with a_world(simulator, self.folder, direct=_DIRECT, bucket=True) as world:
                world.enqueue(BACK)
            self._leg(zygote, config, verdict, lambda: self._is_quiet(config))
            with a_world(simulator, self.folder, direct=_DIRECT, bucket=True) as world:
                found = Restores(world.database).of(BACK)
                verdict.states = {str(one.standing.state) for one in found}
                verdict.counts = world.counts()
                verdict.wrong = {
                    one.wanted.source: told for one in found if (told := differences(world, one))
                }
        return verdict

    def _leg(
        self,
        zygote: Zygote,
        config: Config,
        verdict: RoundTripVerdict,
        is_over: Callable[[], bool],
    ) -> None:
        rng = random.Random(self.seed + verdict.kills)
        for _ in range(self.kills // 3):
            self._life(zygote, config, rng.uniform(0.05, _LONGEST_LIFE_S), lambda: False)
            verdict.kills += 1
        self._life(zygote, config, _LONGEST_END_S, is_over)
        assert is_over(), views.status(config.ledger, now=self._now())

    def _life(
        self,
        zygote: Zygote,
        config: Config,
        longest_s: float,
        is_over: Callable[[], bool],
    ) -> None:
        """Let a daemon live so long, or until it is done; then kill it."""
        order = in_a_hurry(config, self.folder, began=self._began, speed=_SPEED, chunk=5)
        pid = zygote.begin(order)
        deadline = time.monotonic() + longest_s
        while time.monotonic() < deadline and not is_over():
            time.sleep(_LOOK_S)
        zygote.end(pid)

    def _is_quiet(self, config: Config) -> bool:
        status = views.status(config.ledger, now=self._now())
        scanned = all(root.scanned_at is not None for root in status.roots)
        return scanned and not status.moving

    def _is_restored(self, config: Config) -> bool:
        database = Database(config.ledger)
        try:
            found = Restores(database).of(BACK)
        finally:
            database.close()
        return all(one.standing.state in {"proved", "quarantined"} for one in found)

    def _now(self) -> datetime:
        return fast_clock(self._began, _SPEED)()
