"""Puts the pieces together; the only place that knows both the configuration and the steps."""

from __future__ import annotations

import math
import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

from geesync import logs
from geesync.adapters.direct.source import Access as DirectAccess
from geesync.adapters.direct.source import open_source
from geesync.adapters.executors.dask_cluster import DaskExecutor
from geesync.adapters.executors.executor import ByteExecutor, ThreadExecutor
from geesync.adapters.executors.processes import ProcessExecutor
from geesync.adapters.fetching.object_source import REQUESTS_PER_S, Access, MeteredSource
from geesync.adapters.formats import geoparquet
from geesync.adapters.google.bucket import Storage
from geesync.adapters.google.credentials import find_credentials
from geesync.adapters.google.earth_engine import EarthEngine
from geesync.adapters.google.pacing import Pacer
from geesync.adapters.google.uploads import Uploads
from geesync.adapters.host.memory import keep_little
from geesync.adapters.host.messenger import Messenger
from geesync.adapters.host.network import trusted
from geesync.adapters.transfer.bandwidth import Bandwidth
from geesync.checks.adopter import Adopter
from geesync.checks.checker import Checker
from geesync.checks.comparer import Comparer
from geesync.checks.freeing import Freer
from geesync.config import Config
from geesync.domain.choices.timetable import Timetable
from geesync.domain.mirror.layout import STAGING
from geesync.domain.restore.losses import LossKind
from geesync.sections import DirectConfig, ThrottleConfig
from geesync.steps.catalogue.cataloguer import Cataloguer
from geesync.steps.derive.deriver import Deriver
from geesync.steps.mirror.discoverer import Discoverer
from geesync.steps.mirror.downloader import Downloader
from geesync.steps.mirror.fetcher import Fetcher
from geesync.steps.mirror.revisions import Revisions
from geesync.steps.mirror.surveyor import Surveyor
from geesync.steps.mirror.sweeper import Sweeper
from geesync.steps.mirror.verifier import Verifier
from geesync.steps.mirrors import Mirrors
from geesync.steps.restore.importer import Importer
from geesync.steps.restore.prover import Prover
from geesync.steps.restore.restorer import Restorer
from geesync.steps.restore.uploader import Uploader
from geesync.steps.step import Step, Workshop, utc_now
from geesync.steps.tasks.asset_outcomes import AssetOutcomes
from geesync.steps.tasks.brakes import Brakes, Limits
from geesync.steps.tasks.direct_gauge import DirectGauge
from geesync.steps.tasks.exporter import Exporter
from geesync.steps.tasks.gate import (
    Gate,
    gate_of_direct_reading,
    gate_of_downloads,
    gate_of_exports,
)
from geesync.steps.tasks.planner import Planner
from geesync.steps.tasks.reconciler import Reconciler
from geesync.steps.tasks.staged_objects import StagedObjects
from geesync.steps.tasks.submitter import Submitter
from geesync.steps.upkeep.examiner import Examiner
from geesync.steps.upkeep.forgetter import Forgetter
from geesync.steps.upkeep.notifier import Notifier
from geesync.steps.upkeep.sampler import Sampler
from geesync.store.copies.catalogue import Catalogue
from geesync.store.copies.checks import Checks
from geesync.store.copies.fetched import Fetched
from geesync.store.copies.freed import Freed
from geesync.store.copies.recovery import Recovery
from geesync.store.copies.sidecars import Sidecars
from geesync.store.copies.staging import Staging
from geesync.store.file.database import Database
from geesync.store.ledger.derivations import Derivations
from geesync.store.ledger.history import History
from geesync.store.ledger.ledger import Ledger
from geesync.store.ledger.listing import Listing
from geesync.store.ledger.plans import Plans
from geesync.store.ledger.restores import Restores
from geesync.store.ledger.roots import Roots
from geesync.store.ledger.tasks import Tasks
from geesync.store.ledger.usage import Usage
from geesync.store.views.mirrors import LEDGER_ID
from geesync.store.views.samples import Samples

#: Requests for pixels that a proof has on their way: few, so that nobody is held up.
_PIXELS_AT_ONCE = 4


if TYPE_CHECKING:
    from geesync.adapters.direct.source import Source


@dataclass(frozen=True)
class Pace:
    """How fast the outside world is asked, by all threads together."""

    requests: Pacer = field(default_factory=Pacer)
    submits: Pacer = field(default_factory=Pacer)
    storage: Pacer = field(default_factory=lambda: Pacer(REQUESTS_PER_S))
    direct: Pacer = field(default_factory=Pacer)

    def set(self, throttle: ThrottleConfig, direct: DirectConfig) -> None:
        """Take over what the configuration says."""
        self.direct.requests_per_s = direct.requests_per_s
        wait_s = throttle.submit_wait.total_seconds()
        self.requests.requests_per_s = throttle.requests_per_s
        self.submits.requests_per_s = 1 / wait_s if wait_s else math.inf

    def _pacers(self) -> tuple[Pacer, ...]:
        return self.requests, self.submits, self.storage, self.direct

    @property
    def held_until(self) -> float:
        """Until when work may rightly be silent, on the monotonic clock: its turn is later."""
        return max(pacer.held_until for pacer in self._pacers())


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

    def tell(self) -> None:
        """Tell people who do not look how it stands now: nobody looks again after a last pass."""
        for step in self.steps:
            if isinstance(step, Notifier):
                step.tell()

    def reload(self, config: Config) -> None:
        """Take over what can change while the steps run."""
        self.renew()
        self.pace.set(config.throttle, config.direct)
        vars(self.brakes.limits).update(vars(_limits(config)))
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
) -> Iterator[Service]:
    """Build the steps; nothing is asked of the network until they run.

    stop: ends what waits or is long, soon. Raises ConfigError or NotAllowedError for what is
    missing.
    """
    keep_little()
    stop = stop or threading.Event()
    requests, submits, direct = (Pacer(sleep=stop.wait) for _ in range(3))
    pace = Pace(requests, submits, direct=direct)
    pace.set(config.throttle, config.direct)
    earth_engine, storage = cloud(config, pace)
    ledger, listing, roots = Ledger(database), Listing(database), Roots(database)
    tasks, staging = Tasks(database), Staging(database)
    if any("geoparquet" in config.over(root.options).tables for root in roots.active()):
        geoparquet.require()
    limits, mirrors = _limits(config), Mirrors(config.ledger)
    gauge = DirectGauge(config.direct.at_once)
    brakes = Brakes(
        *(limits, Usage(database), roots, lambda: pace.requests.rate_per_s, gauge, clock),
        mirrors.trouble,
    )
    bandwidth = Bandwidth(lambda: limits.bandwidth.rate_at(clock().astimezone()), sleep=stop.wait)
    access = _access(config)
    with (
        _threads(config) as pool,
        _threads(config) as submitting,
        _executors(config, access.daemon, bandwidth.rate) as (fetching, proving, reading),
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
        planner = Planner(Plans(database), config, ledger_id(roots, clock()), most_answers)
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
                open_source(_direct_access(config, access), pace.direct, fetcher.keep_on),
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
                StagedObjects(reconciling, storage, STAGING),
                AssetOutcomes(reconciling, earth_engine, tasks, planner, listing),
                roots,
                exporting,
            ),
            Downloader(
                downloading,
                MeteredSource(access, storage, bandwidth, downloading.keep_on),
                storage,
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
        if config.storage.sweep:
            steps.append(Sweeper(shop(), storage, staging, STAGING))
        steps.append(
            _deriver(
                database,
                shop,
                earth_engine=earth_engine,
                brakes=brakes,
                asking=asking,
                gate=exporting,
            )
        )
        steps.append(
            _restorer(
                config,
                database,
                shop,
                earth_engine=earth_engine,
                storage=storage,
                bandwidth=bandwidth,
                brakes=brakes,
                asking=asking,
                gate=exporting,
            )
        )
        history = config.history
        steps.append(Sampler(shop(), Samples(database, history.keep_samples)))
        steps.append(Examiner(shop(), database))
        steps.append(Forgetter(shop(), History(database), history.keep_events))
        if config.notify.command or config.notify.urls:
            steps.append(_notifier(config, shop(), roots))
        adopter = Adopter(shop(), earth_engine, storage, planner, Recovery(database))
        yield Service(
            *(ledger, tasks, roots, tuple(steps), pace, brakes, (exporting, fetches)),
            *(adopter, earth_engine.renew),
        )


def _deriver(
    database: Database,
    shop: Callable[[], Workshop],
    *,
    earth_engine: EarthEngine,
    brakes: Brakes,
    asking: Workshop,
    gate: Gate,
) -> Deriver:
    """Return the step of people's own functions."""
    tasks = Tasks(database)
    return Deriver(
        shop(),
        earth_engine,
        Derivations(database),
        tasks,
        Submitter(asking, earth_engine, tasks, gate, lambda task: task.body),
        brakes,
        ledger_id(Roots(database), asking.clock()),
    )


def _restorer(
    config: Config,
    database: Database,
    shop: Callable[[], Workshop],
    *,
    earth_engine: EarthEngine,
    storage: Storage,
    bandwidth: Bandwidth,
    brakes: Brakes,
    asking: Workshop,
    gate: Gate,
) -> Restorer:
    """Return the step of the way back."""
    restores, tasks, roots = Restores(database), Tasks(database), Roots(database)
    work = config.ledger.parent / "restore"
    restoring = shop()
    return Restorer(
        restoring,
        restores,
        Uploader(
            restoring, earth_engine, Uploads(storage, bandwidth, restoring.keep_on), restores, work
        ),
        Importer(
            restoring,
            earth_engine,
            restores,
            tasks,
            Submitter(asking, earth_engine, tasks, gate, lambda task: task.body),
            brakes,
            ledger_id(roots, asking.clock()),
        ),
        Prover(
            restoring,
            earth_engine,
            storage,
            lru_cache(partial(_pixels, config, restoring.keep_on)),
            restores,
        ),
    )


def _pixels(config: Config, keep_on: Callable[[], bool]) -> Source:
    """Return how pixels are asked for directly, by this process."""
    from geesync.adapters.direct.source import Access, open_source  # noqa: PLC0415 # numpy: late

    engine = config.earth_engine
    access = Access(
        secrets.token_hex(8),
        config.need("earth_engine.project"),
        engine.url,
        engine.timeout_s,
        _PIXELS_AT_ONCE,
        config.throttle.requests_per_s,
        engine.credentials,
    )
    return open_source(access, Pacer(access.requests_per_s), keep_on)


def _threads(config: Config) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(config.throttle.downloads, thread_name_prefix="geesync")


def _access(config: Config) -> Access:
    project, storage = config.need("earth_engine.project"), config.storage
    beside = config.workers.executor == "processes"
    key_file = config.earth_engine.credentials if beside else None
    return Access(
        secrets.token_hex(8),
        project,
        config.earth_engine.url,
        storage.url,
        storage.timeout_s,
        key_file,
    )


def _direct_access(config: Config, access: Access) -> DirectAccess:
    direct, earth_engine = config.direct, config.earth_engine
    return DirectAccess(
        access.daemon,
        access.project,
        direct.url or earth_engine.url,
        direct.timeout_s,
        direct.at_once,
        direct.requests_per_s,
        earth_engine.credentials,
    )


@contextmanager
def _executors(
    config: Config, daemon: str, rate: Callable[[], float | None]
) -> Iterator[tuple[ByteExecutor, ByteExecutor, ByteExecutor]]:
    """Give who fetches, who proves, and who reads directly; nobody is asked anything yet.

    One reads directly, so that there is one pace, and it is beside the daemon.
    """
    workers = config.workers
    begin = partial(logs.configure, log_format=config.log.format, level=config.log.level)
    beside = partial(ProcessExecutor, daemon, begin=begin, rate=rate)
    with ExitStack() as stack:
        if workers.executor == "dask":
            address, at_once = config.need("workers.scheduler"), config.throttle.downloads
            cluster = DaskExecutor(address, daemon, rate, at_once=at_once, here=beside(1))
            both = stack.enter_context(cluster)
            yield both, both, stack.enter_context(beside(1))
            return
        executor = ThreadExecutor if workers.executor == "threads" else beside
        of_each = (executor(count) for count in (workers.fetching, workers.proving, 1))
        fetching, proving, reading = (stack.enter_context(one) for one in of_each)
        yield fetching, proving, reading


def _notifier(config: Config, shop: Workshop, roots: Roots) -> Notifier:
    notify = config.notify
    messenger = Messenger(notify.command, [url.get_secret_value() for url in notify.urls])
    return Notifier(
        shop, roots, config.ledger, messenger, notify.again, notify.stuck, notify.disk_low
    )


@contextmanager
def checker(config: Config, database: Database) -> Iterator[Checker]:
    """Build what compares the mirror with the ledger; it needs no network."""
    with _threads(config) as pool:
        trouble = Mirrors(config.ledger).trouble
        workshop = Workshop(Ledger(database), pool, mirror_trouble=trouble)
        yield Checker(workshop, Checks(database), Roots(database))


@contextmanager
def freer(
    config: Config, database: Database, accepted: frozenset[LossKind], key_file: Path | None
) -> Iterator[Freer]:
    """Build what deletes at Earth Engine; key_file: of who may, if not the configured identity."""
    engine = config.earth_engine.model_copy(
        update={"credentials": key_file or config.earth_engine.credentials}
    )
    earth_engine, _ = cloud(config.model_copy(update={"earth_engine": engine}))
    with checker(config, database) as built:
        yield Freer(built, earth_engine, Ledger(database), Freed(database), accepted)


@contextmanager
def comparer(config: Config, database: Database) -> Iterator[Comparer]:
    """Build what compares the mirror with Earth Engine; nothing is asked of it until it is used."""
    earth_engine, _ = cloud(config)
    with _threads(config) as pool:
        survey = Surveyor(earth_engine, pool).survey
        yield Comparer(survey, Checks(database), Roots(database), config, earth_engine.get_asset)


def cloud(config: Config, pace: Pace | None = None) -> tuple[EarthEngine, Storage]:
    """Return Earth Engine and Cloud Storage as one user; nothing is asked of them yet."""
    pace = pace or Pace()
    url = config.earth_engine.url
    project = config.need("earth_engine.project")
    credentials = find_credentials(config.earth_engine.credentials, url=url, project=project)
    trusted()  # a name that is wrong is a person's to mend, before anything is asked
    earth_engine = EarthEngine(
        project=project,
        credentials=credentials,
        pacer=pace.requests,
        submits=pace.submits,
        url=url,
        timeout_s=config.earth_engine.timeout_s,
    )
    storage = Storage(
        project=project,
        credentials=credentials,
        pacer=pace.storage,
        url=config.storage.url,
        timeout_s=config.storage.timeout_s,
    )
    return earth_engine, storage


def _limits(config: Config) -> Limits:
    throttle = config.throttle
    return Limits(
        max_operations=throttle.max_operations,
        max_queue=throttle.max_queue,
        requests_per_s=throttle.requests_per_s,
        max_staged_bytes=throttle.max_staged,
        reserve_bytes=throttle.reserve,
        eecu_hours_per_month=throttle.eecu_hours_per_month,
        eecu_s_per_answer=config.direct.eecu_s_per_answer,
        bandwidth=Timetable.parse(throttle.bandwidth),
    )


def mirrors(config: Config, roots: Roots) -> set[Path]:
    """Return every folder that is a mirror of a watched root, and the configured one."""
    configured = {config.mirror} if config.mirror else set()
    return configured | {Path(root.dest) for root in roots.active()}


def ledger_id(roots: Roots, now: datetime) -> str:
    """Return what tells this ledger's exports from those of any other."""
    known = roots.get(LEDGER_ID)
    if known is None:
        known = secrets.token_hex(8)
        roots.put(LEDGER_ID, known, now)
    return known
