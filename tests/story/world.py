"""A whole world for a story: an account, a bucket, a ledger, a mirror, and steps to run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from geesync.adapters.disk import prepare_mirror
from geesync.bootstrap import Service, service
from geesync.config import Config
from geesync.daemon import run_step
from geesync.domain.names import candidates
from geesync.simulator.simulator import Simulator
from geesync.store import views
from geesync.store.database import Database, open_migrating


@dataclass
class World:
    """Everything that a story touches."""

    simulator: Simulator
    config: Config
    database: Database
    service: Service

    @property
    def mirror(self) -> Path:
        assert self.config.mirror is not None
        return self.config.mirror

    def now(self) -> datetime:
        return self.simulator.clock.now()

    def enqueue(self, given: str, **options: object) -> str:
        """Watch a root with options of its own; returns its canonical name."""
        name = candidates(given)[0]
        self.service.roots.add(
            name,
            dest=str(self.mirror),
            bucket=self.simulator.bucket,
            now=self.now(),
            options=options,
        )
        return name

    def rescan(self) -> None:
        """Make every root's scan due."""
        self.service.roots.scan_all(self.now())

    def run(self, *names: str) -> None:
        """Run each step (or the named ones) once."""
        for step in self.service.steps:
            if not names or step.name in names:
                run_step(step)

    def settle(self, *, passes: int = 200, tick_s: float = 60.0, without: str = "") -> None:
        """Let time pass until nothing is left to do, for all steps or all but one."""
        for _ in range(passes):
            tallies = [run_step(step) for step in self.service.steps if step.name != without]
            if any(tally.moved or tally.busy for tally in tallies):
                continue
            if not self.status().moving:
                return
            self.simulator.advance(tick_s)
        raise AssertionError(f"it does not come to rest: {self.status()}")

    def status(self) -> views.Status:
        return views.status(self.config.ledger, now=self.now())

    def counts(self) -> dict[str, int]:
        """Return assets by state, over all roots."""
        totals: dict[str, int] = {}
        for root in self.status().roots:
            for state, count in root.counts.items():
                totals[state] = totals.get(state, 0) + count
        return totals

    def show(self, name: str) -> dict[str, object]:
        told = views.show(self.config.ledger, name)
        assert told is not None, name
        return told


@contextmanager
def a_world(simulator: Simulator, folder: Path, **throttle: object) -> Iterator[World]:
    """Open a ledger and a mirror for an account."""
    config = Config.model_validate(
        {
            "ledger": folder / "geesync.db",
            "mirror": folder / "mirror",
            "bucket": simulator.bucket,
            "earth_engine": {"project": simulator.project, "url": simulator.earth_engine_url},
            "storage": {"url": simulator.storage_url},
            "throttle": {"requests_per_s": 100_000, "reserve": 0, **throttle},
        }
    )
    prepare_mirror(folder / "mirror")
    database = open_migrating(config.ledger)
    try:
        with service(config, database, clock=simulator.clock.now) as built:
            yield World(simulator, config, database, built)
    finally:
        database.close()
