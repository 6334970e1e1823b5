"""Puts the steps together, in the order of an asset's life."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from geesync.adapters.direct.source import open_source
from geesync.adapters.executors.executor import ByteExecutor, ThreadExecutor
from geesync.adapters.fetching.object_source import MeteredSource
from geesync.adapters.google.pacing import Pacer
from geesync.adapters.host.memory import keep_little
from geesync.adapters.host.messenger import Messenger
from geesync.adapters.tables import geoparquet
from geesync.adapters.transfer.bandwidth import Bandwidth
from geesync.bootstrap.onward import deriver, restorer
from geesync.bootstrap.outside import (
    Pace,
    access_of,
    cloud,
    direct_access_of,
    executors,
    ledger_id,
    limits_of,
    threads,
)
from geesync.checks.adopter import Adopter
from geesync.config import Config
from geesync.domain.mirror.layout import STAGING
from geesync.domain.tasks.exports import Way
from geesync.steps.brakes.brakes import Brakes
from geesync.steps.brakes.direct_gauge import DirectGauge
from geesync.steps.brakes.gate import (
    Gate,
    gate_of_direct_reading,
    gate_of_downloads,
    gate_of_exports,
)
from geesync.steps.catalogue.cataloguer import Cataloguer
from geesync.steps.derive.job_scans import JobScans
from geesync.steps.discovery.discoverer import Discoverer
from geesync.steps.mirror.downloader import Downloader
from geesync.steps.mirror.fetcher import Fetcher
from geesync.steps.mirror.revisions import Revisions
from geesync.steps.mirror.sweeper import Sweeper
from geesync.steps.mirror.verifier import Verifier
from geesync.steps.mirrors import Mirrors
from geesync.steps.step import Step, Workshop, utc_now
from geesync.steps.tasks.asset_outcomes import AssetOutcomes
from geesync.steps.tasks.exporter import Exporter
from geesync.steps.tasks.planner import Planner
from geesync.steps.tasks.present import Present
from geesync.steps.tasks.reconciler import Reconciler
from geesync.steps.tasks.staged_objects import StagedObjects
from geesync.steps.tasks.submitter import Submitter
from geesync.steps.upkeep.examiner import Examiner
from geesync.steps.upkeep.forgetter import Forgetter
from geesync.steps.upkeep.notifier import Notifier
from geesync.steps.upkeep.sampler import Sampler
from geesync.store.copies.catalogue import Catalogue
from geesync.store.copies.fetched import Fetched
from geesync.store.copies.recovery import Recovery
from geesync.store.copies.sidecars import Sidecars
from geesync.store.copies.staging import Staging
from geesync.store.file.database import Database
from geesync.store.ledger.history import History
from geesync.store.ledger.ledger import Ledger
from geesync.store.ledger.listing import Listing
from geesync.store.ledger.roots import Roots
from geesync.store.ledger.steering import Steering
from geesync.store.ledger.usage import Usage
from geesync.store.making.derivations import Derivations
from geesync.store.tasks.plans import Plans
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
    gates: tuple[Gate, ...]  #: of the work that a refusal halts
    adopter: Adopter  #: for a ledger that replaces a lost one
    renew: Callable[[], None]  #: lets a key that was replaced be read at once

    def finish(self) -> None:
        """Sweep what is left, then tell people how it stands: nobody looks after a last pass."""
        for step in self.steps:
            if isinstance(step, Sweeper):
                step.sweep_leftovers()
        for step in self.steps:
            if isinstance(step, Notifier):
                step.tell()

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
    requests, submits, direct = (Pacer(sleep=stop.wait) for _ in range(3))
    pace = Pace(requests, submits, direct=direct)
    pace.set(config.throttle, config.direct)
    earth_engine, stores = cloud(config, pace)
    ledger, listing, roots = Ledger(database), Listing(database), Roots(database)
    tasks, staging = Tasks(database), Staging(database)
    if config.bucket:
        Steering(database).give_bucket(config.bucket, clock())
    if any("geoparquet" in config.over(root.options).tables for root in roots.active()):
        geoparquet.require()
    limits, mirrors = limits_of(config), Mirrors(config.ledger)
    gauge = DirectGauge(config.direct.at_once)
    brakes = Brakes(
        *(limits, Usage(database), roots, lambda: pace.requests.rate_per_s, gauge, clock),
        mirrors.trouble,
    )
    bandwidth = Bandwidth(lambda: limits.bandwidth.rate_at(clock().astimezone()), sleep=stop.wait)
    access = access_of(config)
    with (
        threads(config) as pool,
        threads(config) as submitting,
        executors(config, access.daemon, bandwidth.rate) as (fetching, proving, reading),
    ):

        def shop(executor: ByteExecutor | None = None, pool: Executor = pool) -> Workshop:
            return Workshop(
                *(ledger, pool, clock),
                stopping=stop.is_set,
                executor=executor or ThreadExecutor(),
                mirror_trouble=mirrors.trouble,
            )

        reconciling, downloading, fetcher = shop(), shop(fetching), shop(reading)
        fetcher.chunk = 500  # of a collection's images whose revisions a page tells
        downloading.chunk = 1000  # what comes is recorded as it comes, and not at the end
        most_answers = config.direct.most_answers
        planner = Planner(
            *(Plans(database), config, ledger_id(roots, clock()), most_answers),
            folder=config.drive.folder,
        )
        exporting, fetches = gate_of_exports(clock, roots), gate_of_downloads(clock, roots)
        steps: list[Step] = [
            Discoverer(shop(), earth_engine, listing, roots, config.schedule.discover, config),
            # In the pool its asks, which wait for their turn, would keep all other steps waiting.
            Exporter(
                asking := shop(pool=submitting),
                Submitter(asking, earth_engine, tasks, exporting, planner.request),
                tasks,
                planner,
                brakes,
            ),
            Fetcher(
                fetcher,
                open_source(direct_access_of(config, access), pace.direct, fetcher.keep_on),
                planner,
                Fetched(database),
                Revisions(fetcher, earth_engine),
                listing,
                brakes,
                gate_of_direct_reading(clock, roots),
                gauge,
                config.direct.reread,
            ),
            Reconciler(
                reconciling,
                earth_engine,
                tasks,
                StagedObjects(reconciling, stores, STAGING),
                AssetOutcomes(
                    *(reconciling, Present(ledger, earth_engine), tasks, planner, listing)
                ),
                roots,
                exporting,
            ),
            Downloader(
                downloading,
                MeteredSource(access, stores, bandwidth, downloading.keep_on),
                stores,
                staging,
                limits,
                fetches,
                config.throttle.downloads,
            ),
            Verifier(
                shop(proving),
                staging,
                planner,
                Sidecars(database),
                earth_engine.get_policy if config.acl else None,
            ),
            Cataloguer(shop(), Catalogue(database), staging, Sidecars(database)),
        ]
        swept = {Way.BUCKET: config.storage.sweep, Way.DRIVE: not config.drive.keep}
        if any(swept.values()):
            ways = tuple(way for way in swept if swept[way])
            steps.append(Sweeper(shop(), stores, staging, STAGING, ways))
        steps.append(
            deriver(
                database,
                shop,
                earth_engine=earth_engine,
                brakes=brakes,
                asking=asking,
                gate=exporting,
            )
        )
        steps.append(
            restorer(
                config,
                database,
                shop,
                earth_engine=earth_engine,
                storage=stores.storage,
                bandwidth=bandwidth,
                brakes=brakes,
                asking=asking,
                gate=exporting,
            )
        )
        every = {name: job.every for name, job in config.derive.items() if job.every}
        if every:
            named = ("--config", config_file) if config_file else ()
            steps.append(JobScans(shop(), roots, Derivations(database), every, named))
        history = config.history
        steps.append(Sampler(shop(), Samples(database, history.keep_samples)))
        steps.append(Examiner(shop(), database))
        steps.append(Forgetter(shop(), History(database), history.keep_events))
        if config.notify.command or config.notify.urls:
            steps.append(_notifier(config, shop(), roots))
        adopter = Adopter(shop(), earth_engine, stores.storage, planner, Recovery(database))
        yield Service(
            *(ledger, tasks, roots, tuple(steps), pace, brakes, (exporting, fetches)),
            *(adopter, earth_engine.renew),
        )


def _notifier(config: Config, shop: Workshop, roots: Roots) -> Notifier:
    notify = config.notify
    messenger = Messenger(notify.command, [url.get_secret_value() for url in notify.urls])
    return Notifier(
        shop, roots, config.ledger, messenger, notify.again, notify.stuck, notify.disk_low
    )
