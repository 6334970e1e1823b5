"""Puts the steps together, in the order of an asset's life."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from geesync.adapters.host.memory import keep_little
from geesync.adapters.host.messenger import Messenger
from geesync.adapters.tables import geoparquet
from geesync.bootstrap.ground import Ground, is_used, lay_ground, stores_of
from geesync.bootstrap.homeward import homeward
from geesync.bootstrap.onward import onward
from geesync.bootstrap.outside import (
    Pace,
    executors,
    limits_of,
    monitoring_of,
    threads,
)
from geesync.checks.adopter import Adopter
from geesync.config import Config
from geesync.domain.tasks.exports import Way
from geesync.steps.brakes.brakes import Brakes
from geesync.steps.brakes.gate import Gate
from geesync.steps.brakes.gates import Gates, gates_of_downloads
from geesync.steps.discovery.discoverer import Discoverer
from geesync.steps.mirror.downloader import Downloader
from geesync.steps.mirror.fetcher import Fetcher
from geesync.steps.mirror.sweeper import Sweeper
from geesync.steps.step import Step, Workshop, utc_now
from geesync.steps.upkeep.cost_learner import CostLearner
from geesync.steps.upkeep.ledger_care import Examiner, Forgetter, Sampler
from geesync.steps.upkeep.notifier import Notifier
from geesync.store.copies.recovery import Recovery
from geesync.store.file.database import Database
from geesync.store.ledger.history import History
from geesync.store.ledger.ledger import Ledger
from geesync.store.ledger.roots import Roots
from geesync.store.ledger.steering import Steering
from geesync.store.tasks.tasks import Tasks
from geesync.store.views.samples import Samples


@dataclass(frozen=True)
class Service:
    """A ledger with everything that works on it."""

    ledger: Ledger
    tasks: Tasks
    roots: Roots
    steps: tuple[Step, ...]  #: in the order of an asset's life, then who looks on
    pace: Pace
    brakes: Brakes
    gates: tuple[Gates, ...]  #: of the work that a refusal halts
    reading: Gate  #: of what is read directly
    adopter: Adopter  #: for a ledger that replaces a lost one
    renew: Callable[[], None]  #: lets a key that was replaced be read at once

    def lasting_halts(self) -> list[str]:
        """Return the stores, or "direct", that are refused for long."""
        stores = [store for gates in self.gates for store in gates.closed(lasting=True)]
        return [*stores, *([Way.DIRECT] if self.reading.lasts else [])]

    def finish(self) -> str:
        """Sweep what is left, then tell people how it stands: nobody looks after a last pass.

        Returns what is left all the same, for people.
        """
        left = [step.finish() for step in self.steps if isinstance(step, Sweeper)]
        for step in self.steps:
            if isinstance(step, Notifier):
                step.tell()
        return "".join(left)

    def reload(self, config: Config) -> None:
        """Take over what can change while the steps run."""
        self.renew()
        self.pace.set(config.throttle, config.direct)
        self.brakes.limits.take_over(limits_of(config))
        for step in self.steps:
            if isinstance(step, Discoverer):
                step.interval = config.schedule.discover


@contextmanager
def service(
    config: Config,
    database: Database,
    *,
    clock: Callable[[], datetime] = utc_now,
    stop: threading.Event | None = None,
    config_file: str | None = None,
) -> Iterator[Service]:
    """Build the steps; nothing is asked of the network until they run.

    stop: ends what waits or is long, soon. config_file: for processes beside. Raises ConfigError or
    NotAllowedError for what is missing.
    """
    keep_little()
    stop = stop or threading.Event()
    ground = lay_ground(config, database, clock, stop)
    if config.bucket:
        Steering(database).give_bucket(config.bucket, clock())
    if any("geoparquet" in config.over(root.options).tables for root in ground.roots.active()):
        geoparquet.require()
    stores = stores_of(config, ground.roots)
    downloads = gates_of_downloads(clock, ground.roots, stores, partial(is_used, database))
    gates = (ground.exporting, downloads)
    with (
        threads(config) as pool,
        threads(config) as submitting,
        executors(config, ground.access.daemon, ground.bandwidth.rate) as for_bytes,
    ):
        asking = ground.shop(submitting)
        steps = (
            *homeward(ground, pool, asking, for_bytes, downloads),
            *onward(ground, pool, asking, config_file),
            *_upkeep(ground, pool, gates),
        )
        built = Service(
            ledger=ground.ledger,
            tasks=ground.tasks,
            roots=ground.roots,
            steps=steps,
            pace=ground.pace,
            brakes=ground.brakes,
            gates=gates,
            reading=ground.reading,
            adopter=Adopter(
                *(ground.shop(pool), ground.earth_engine, ground.stores.storage),
                *(ground.planner, Recovery(database)),
            ),
            renew=ground.earth_engine.renew,
        )
        try:
            yield built
        finally:
            _stop(stop, steps)


def _stop(stop: threading.Event, steps: tuple[Step, ...]) -> None:
    """End what is on its way beyond a pass, and wait until it holds no file."""
    stop.set()
    for step in steps:
        if isinstance(step, Downloader | Fetcher):
            step.transfers.end()


def _upkeep(ground: Ground, pool: Executor, gates: tuple[Gates, ...]) -> Iterator[Step]:
    """Yield the steps that look on."""
    database, history = ground.database, ground.config.history
    yield Sampler(ground.shop(pool), Samples(database, history.keep_samples))
    yield Examiner(ground.shop(pool), database)
    usage = ground.brakes.usage
    yield CostLearner(
        *(ground.shop(pool), monitoring_of(ground.config), ground.workload_tag),
        *(usage, ground.roots),
    )
    yield Forgetter(ground.shop(pool), History(database), history.keep_events)
    if ground.config.notify.command or ground.config.notify.urls:
        yield _notifier(ground.config, ground.shop(pool), ground.roots, gates)


def _notifier(config: Config, shop: Workshop, roots: Roots, gates: tuple[Gates, ...]) -> Notifier:
    notify = config.notify
    messenger = Messenger(notify.command, [url.get_secret_value() for url in notify.urls])
    return Notifier(
        *(shop, roots, config.ledger, messenger),
        *(notify.again, notify.stuck, notify.disk_low, gates),
    )
