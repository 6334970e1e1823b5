"""Clients of Earth Engine and Cloud Storage, threads and executors, as configured."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from geesync import logs
from geesync.adapters.direct.monitoring import Monitoring
from geesync.adapters.direct.source import Access as DirectAccess
from geesync.adapters.direct.source import Source, open_source
from geesync.adapters.earth_engine.earth_engine import EarthEngine
from geesync.adapters.executors.dask_cluster import DaskExecutor
from geesync.adapters.executors.executor import ByteExecutor, ThreadExecutor
from geesync.adapters.executors.processes import ProcessExecutor
from geesync.adapters.google.credentials import find_credentials
from geesync.adapters.google.pacing import Pacer
from geesync.adapters.host.network import trusted
from geesync.adapters.storage.stores import (
    DRIVE_REQUESTS_PER_S,
    REQUESTS_PER_S,
    Access,
    Stores,
    open_stores,
)
from geesync.config import Config
from geesync.sections import DirectConfig, ThrottleConfig
from geesync.store.ledger.roots import Roots
from geesync.store.views.mirrors import LEDGER_ID

#: Requests for pixels that a proof has on their way: few, so that nobody is held up.
_PIXELS_AT_ONCE = 4


@dataclass(frozen=True)
class Pace:
    """The request rates of all threads together, a service each."""

    requests: Pacer = field(default_factory=Pacer)
    submits: Pacer = field(default_factory=Pacer)
    storage: Pacer = field(default_factory=lambda: Pacer(REQUESTS_PER_S))
    direct: Pacer = field(default_factory=Pacer)
    drive: Pacer = field(default_factory=lambda: Pacer(DRIVE_REQUESTS_PER_S))

    def set(self, throttle: ThrottleConfig, direct: DirectConfig) -> None:
        """Take over what the configuration says."""
        self.direct.requests_per_s = direct.requests_per_s
        wait_s = throttle.submit_wait.total_seconds()
        self.requests.requests_per_s = throttle.requests_per_s
        self.submits.requests_per_s = 1 / wait_s if wait_s else math.inf

    @property
    def held_until(self) -> float:
        """Until when requests wait for their turn, on the monotonic clock."""
        pacers = (self.requests, self.submits, self.storage, self.direct, self.drive)
        return max(pacer.held_until for pacer in pacers)


def cloud(config: Config, pace: Pace | None = None) -> tuple[EarthEngine, Stores]:
    """Return the clients of Earth Engine and its stores for one identity; without a request."""
    if pace is None:
        pace = Pace()
        pace.set(config.throttle, config.direct)
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
    stores = open_stores(access_of(config), credentials, storage=pace.storage, drive=pace.drive)
    return earth_engine, stores


def threads(config: Config) -> ThreadPoolExecutor:
    """Return the pool of threads for requests."""
    return ThreadPoolExecutor(config.throttle.downloads, thread_name_prefix="geesync")


def access_of(config: Config) -> Access:
    """Return what a process needs to fetch objects from the stores."""
    project, storage = config.need("earth_engine.project"), config.storage
    beside = config.workers.executor == "processes"
    key_file = config.earth_engine.credentials if beside else None
    return Access(
        secrets.token_hex(8),
        project,
        config.earth_engine.url,
        storage.url,
        storage.timeout_s,
        config.drive.url or config.earth_engine.url,
        key_file,
    )


def direct_access_of(config: Config, access: Access, tag: str) -> DirectAccess:
    """Return what a process needs to read pixels and rows directly; tag: of its requests."""
    direct, earth_engine = config.direct, config.earth_engine
    return DirectAccess(
        access.daemon,
        access.project,
        direct.url or earth_engine.url,
        direct.timeout_s,
        direct.at_once,
        direct.requests_per_s,
        earth_engine.credentials,
        tag,
    )


def pixel_source(config: Config, keep_on: Callable[[], bool] = lambda: True) -> Source:
    """Return the source of pixels that are read directly by this process."""
    engine = config.earth_engine
    access = DirectAccess(
        secrets.token_hex(8),
        config.need("earth_engine.project"),
        engine.url,
        engine.timeout_s,
        _PIXELS_AT_ONCE,
        config.throttle.requests_per_s,
        engine.credentials,
    )
    return open_source(access, Pacer(access.requests_per_s), keep_on)


def monitoring_of(config: Config) -> Monitoring:
    """Return the client of Cloud Monitoring, which knows what direct reading costs."""
    url = config.direct.monitoring_url or config.earth_engine.url
    project = config.need("earth_engine.project")
    return Monitoring(
        project=project,
        credentials=find_credentials(config.earth_engine.credentials, url=url, project=project),
        url=url,
        timeout_s=config.earth_engine.timeout_s,
    )


@contextmanager
def executors(
    config: Config, daemon: str, rate: Callable[[], float | None]
) -> Iterator[tuple[ByteExecutor, ByteExecutor, ByteExecutor]]:
    """Give the executors for fetching, proving and direct reading; their processes start later.

    One reads directly, so that there is one pace, and it is beside the daemon.
    """
    workers = config.workers
    begin = partial(logs.configure, log_format=config.log.format, level=config.log.level)
    beside = partial(ProcessExecutor, daemon, begin=begin, rate=rate)
    with ExitStack() as stack:
        if workers.executor == "dask":
            address, at_once = config.need("workers.scheduler"), config.throttle.downloads
            cluster = DaskExecutor(address, daemon, rate, at_once=at_once, local=beside(1))
            both = stack.enter_context(cluster)
            yield both, both, stack.enter_context(beside(1))
            return
        executor = ThreadExecutor if workers.executor == "threads" else beside
        of_each = (executor(count) for count in (workers.fetching, workers.proving, 1))
        fetching, proving, reading = (stack.enter_context(one) for one in of_each)
        yield fetching, proving, reading


def ledger_id(roots: Roots, now: datetime) -> str:
    """Return this ledger's id, which is in the tokens of its exports; make it if there is none."""
    known = roots.get(LEDGER_ID)
    if known is None:
        known = secrets.token_hex(8)
        roots.put(LEDGER_ID, known, now)
    return known
