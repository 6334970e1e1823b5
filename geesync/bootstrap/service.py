"""Builds all steps of a service, in the order of an asset's life."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from geesync.adapters.host.memory import keep_little
from geesync.adapters.host.messenger import Messenger
from geesync.adapters.tables import geoparquet
from geesync.bootstrap.making_steps import making_steps
from geesync.bootstrap.mirror_steps import mirror_steps
from geesync.bootstrap.resources import (
    Pace,
    executors,
    limits_of,
    monitoring_of,
    threads,
)
from geesync.bootstrap.shared import Shared
from geesync.checks.adopter import Adopter
from geesync.config import Config
from geesync.domain.tasks.exports import Way
from geesync.steps.brakes.brakes import Brakes
from geesync.steps.brakes.gate import Gate
from geesync.steps.brakes.gates import Gates
from geesync.steps.discovery.discoverer import Discoverer
from geesync.steps.mirror.downloader import Downloader
from geesync.steps.mirror.fetcher import Fetcher
from geesync.steps.mirror.sweeper import Sweeper
from geesync.steps.step import Step, utc_now
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

    def step(self, name: str) -> Step:
        """Return a step by its name."""
        return next(step for step in self.steps if step.name == name)

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
                step.notify()
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
    shared = Shared(config, database, clock, stop)
    if config.bucket:
        Steering(database).give_bucket(config.bucket, clock())
    if any("geoparquet" in config.over(root.options).tables for root in shared.roots.active()):
        geoparquet.require()
    gates = (shared.exporting, shared.downloading)
    with (
        threads(config) as pool,
        threads(config) as submitting,
        executors(config, shared.access.daemon, shared.bandwidth.rate) as for_bytes,
    ):
        asking = shared.workshop(submitting)
        steps = (
            *mirror_steps(shared, pool, asking, for_bytes),
            *making_steps(shared, pool, asking, config_file),
            *_upkeep(shared, pool, gates),
        )
        built = Service(
            ledger=shared.ledger,
            tasks=shared.tasks,
            roots=shared.roots,
            steps=steps,
            pace=shared.pace,
            brakes=shared.brakes,
            gates=gates,
            reading=shared.reading,
            adopter=Adopter(
                *(shared.workshop(pool), shared.earth_engine, shared.stores.storage),
                *(shared.planner, Recovery(database)),
            ),
            renew=shared.earth_engine.renew,
        )
        try:
            yield built
        finally:
            stop.set()
            for step in steps:
                if isinstance(step, Downloader | Fetcher):
                    step.transfers.end()  # what is on its way beyond a pass holds files


def _upkeep(shared: Shared, pool: Executor, gates: tuple[Gates, ...]) -> Iterator[Step]:
    """Yield the steps that observe and clean up."""
    database, history = shared.database, shared.config.history
    yield Sampler(shared.workshop(pool), Samples(database, history.keep_samples))
    yield Examiner(shared.workshop(pool), database)
    yield CostLearner(
        *(shared.workshop(pool), monitoring_of(shared.config), shared.workload_tag),
        *(shared.brakes.usage, shared.roots),
    )
    yield Forgetter(shared.workshop(pool), History(database), history.keep_events)
    notify = shared.config.notify
    if notify.command or notify.urls:
        messenger = Messenger(notify.command, [url.get_secret_value() for url in notify.urls])
        yield Notifier(
            *(shared.workshop(pool), shared.roots, shared.config.ledger, messenger),
            *(notify.again, notify.stuck, notify.disk_low, gates),
        )
