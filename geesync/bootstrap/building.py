"""Builds a service with all its steps, in the order of an asset's life."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from datetime import datetime

from geesync.adapters.host.memory import keep_little
from geesync.adapters.host.messenger import Messenger
from geesync.adapters.tables import geoparquet
from geesync.bootstrap.making_steps import making_steps
from geesync.bootstrap.mirror_steps import mirror_steps
from geesync.bootstrap.resources import executors, monitoring_of, threads
from geesync.bootstrap.service import Service
from geesync.checks.adopter import Adopter
from geesync.config import Config
from geesync.steps.mirror.downloader import Downloader
from geesync.steps.mirror.fetcher import Fetcher
from geesync.steps.step import Step, utc_now
from geesync.steps.upkeep.cost_learner import CostLearner
from geesync.steps.upkeep.ledger_care import Examiner, Forgetter, Sampler
from geesync.steps.upkeep.notifier import Notifier
from geesync.store.copies.recovery import Recovery
from geesync.store.file.database import Database
from geesync.store.ledger.history import History
from geesync.store.ledger.steering import Steering
from geesync.store.views.samples import Samples


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
    built = Service(config, database, clock, stop)
    if config.bucket:
        Steering(database).give_bucket(config.bucket, clock())
    if any("geoparquet" in config.over(root.options).tables for root in built.roots.active()):
        geoparquet.require()
    with (
        threads(config) as pool,
        threads(config) as submitting,
        executors(config, built.access.daemon, built.bandwidth.rate) as for_bytes,
    ):
        asking = built.context(submitting)
        built.steps = (
            *mirror_steps(built, pool, asking, for_bytes),
            *making_steps(built, pool, asking, config_file),
            *_upkeep(built, pool),
        )
        built.adopter = Adopter(
            *(built.context(pool), built.earth_engine, built.stores.storage),
            *(built.planner, Recovery(database)),
        )
        try:
            yield built
        finally:
            stop.set()
            for step in built.steps:
                if isinstance(step, Downloader | Fetcher):
                    step.transfers.end()  # what is on its way beyond a pass holds files


def _upkeep(service: Service, pool: Executor) -> Iterator[Step]:
    """Yield the steps that observe and clean up."""
    database, history = service.database, service.config.history
    yield Sampler(service.context(pool), Samples(database, history.keep_samples))
    yield Examiner(service.context(pool), database)
    yield CostLearner(
        *(service.context(pool), monitoring_of(service.config), service.workload_tag),
        *(service.brakes.usage, service.roots),
    )
    yield Forgetter(service.context(pool), History(database), history.keep_events)
    notify = service.config.notify
    if notify.command or notify.urls:
        messenger = Messenger(notify.command, [url.get_secret_value() for url in notify.urls])
        yield Notifier(
            *(service.context(pool), service.roots, service.config.ledger, messenger),
            *(notify.again, notify.stuck, notify.disk_low, service.gates),
        )
