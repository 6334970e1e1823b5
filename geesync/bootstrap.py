"""Puts the pieces together; the only place that knows both the configuration and the steps."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from geesync.adapters.bucket import Storage
from geesync.adapters.credentials import find_credentials
from geesync.adapters.earth_engine import EarthEngine
from geesync.adapters.pacing import Pacer
from geesync.config import Config
from geesync.steps.discoverer import Discoverer
from geesync.steps.downloader import Downloader
from geesync.steps.evidence import Evidence
from geesync.steps.exporter import STAGING, Exporter
from geesync.steps.reconciler import QUEUE_SETTING, Reconciler
from geesync.steps.step import Step, Workshop, utc_now
from geesync.steps.sweeper import Sweeper
from geesync.steps.verifier import Verifier
from geesync.store.database import Database
from geesync.store.exports import Exports
from geesync.store.ledger import Ledger
from geesync.store.listing import Listing
from geesync.store.roots import Roots

_LEDGER_ID = "ledger_id"


@dataclass(frozen=True)
class Service:
    """A ledger with everything that works on it."""

    ledger: Ledger
    exports: Exports
    roots: Roots
    steps: tuple[Step, ...]  #: in the order of an asset's life


@contextmanager
def service(
    config: Config,
    database: Database,
    *,
    clock: Callable[[], datetime] = utc_now,
    stopping: Callable[[], bool] = lambda: False,
) -> Iterator[Service]:
    """Build the steps; nothing is asked of the network until they run.

    Raises ConfigError or NotAllowedError for what is missing.
    """
    earth_engine, storage = cloud(config)
    ledger, exports, listing, roots = (
        Ledger(database),
        Exports(database),
        Listing(database),
        Roots(database),
    )
    with ThreadPoolExecutor(config.throttle.downloads, thread_name_prefix="geesync") as pool:
        shop = Workshop(ledger, pool, clock, stopping=stopping)
        steps: list[Step] = [
            Discoverer(shop, earth_engine, listing, roots, config.schedule.discover),
            Exporter(
                shop,
                earth_engine,
                exports,
                _ledger_id(roots, clock()),
                config.throttle.max_operations,
                lambda: _queue_room(roots, config.throttle.max_queue),
            ),
            Reconciler(
                shop, earth_engine, exports, Evidence(shop, storage, STAGING), listing, roots
            ),
            Downloader(shop, storage, exports, config.throttle.reserve),
            Verifier(shop, exports),
        ]
        if config.storage.sweep:
            steps.append(Sweeper(shop, storage, exports))
        yield Service(ledger, exports, roots, tuple(steps))


def cloud(config: Config) -> tuple[EarthEngine, Storage]:
    """Return Earth Engine and Cloud Storage as one user; nothing is asked of them yet."""
    url = config.earth_engine.url
    credentials = find_credentials(config.earth_engine.credentials, url=url)
    project = config.need("earth_engine.project")
    wait_s = config.throttle.submit_wait.total_seconds()
    earth_engine = EarthEngine(
        project=project,
        credentials=credentials,
        pacer=Pacer(config.throttle.requests_per_s),
        submit_pacer=Pacer(1 / wait_s) if wait_s else None,
        url=url,
        timeout_s=config.earth_engine.timeout_s,
    )
    storage = Storage(
        project=project,
        credentials=credentials,
        pacer=Pacer(_STORAGE_REQUESTS_PER_S),
        url=config.storage.url,
        timeout_s=config.storage.timeout_s,
    )
    return earth_engine, storage


#: Cloud Storage allows thousands; this only keeps a mistake from becoming an attack.
_STORAGE_REQUESTS_PER_S = 1000.0


def mirrors(config: Config, roots: Roots) -> set[Path]:
    """Return every folder that is a mirror of a watched root, and the configured one."""
    configured = {config.mirror} if config.mirror else set()
    return configured | {Path(root.dest) for root in roots.active()}


def _ledger_id(roots: Roots, now: datetime) -> str:
    """Return what tells this ledger's exports from those of any other."""
    known = roots.get(_LEDGER_ID)
    if known is None:
        known = secrets.token_hex(8)
        roots.put(_LEDGER_ID, known, now)
    return known


def _queue_room(roots: Roots, max_queue: int) -> int:
    told = roots.get(QUEUE_SETTING)
    return max_queue - (json.loads(told)["queued"] if told else 0)
