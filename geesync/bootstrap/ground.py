"""What all steps of a service stand on: its ledger, Google's services, and what holds them back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from geesync.adapters.earth_engine.earth_engine import EarthEngine
from geesync.adapters.executors.executor import ByteExecutor, ThreadExecutor
from geesync.adapters.google.pacing import Pacer
from geesync.adapters.storage.stores import Access, Stores
from geesync.adapters.transfer.bandwidth import Bandwidth
from geesync.bootstrap.outside import Pace, access_of, cloud, ledger_id, limits_of
from geesync.config import Config
from geesync.domain.direct.requests import WORKLOAD_TAG
from geesync.domain.failures.shared_failures import UNKNOWN, SharedFailures
from geesync.domain.tasks.task import ASSETS, DRIVE
from geesync.steps.brakes.brakes import Brakes, DirectGauge
from geesync.steps.brakes.gate import Gate
from geesync.steps.brakes.gates import Gates, gates_of_exports
from geesync.steps.mirrors import Mirrors
from geesync.steps.step import Workshop
from geesync.steps.tasks.planner import Planner
from geesync.store.copies.staging import Staging
from geesync.store.file.database import Database
from geesync.store.ledger.ledger import Ledger
from geesync.store.ledger.listing import Listing
from geesync.store.ledger.roots import Roots
from geesync.store.ledger.usage import Usage
from geesync.store.making.derivations import Derivations
from geesync.store.making.restores import Restores
from geesync.store.tasks.plans import Plans
from geesync.store.tasks.tasks import Tasks


@dataclass(frozen=True)
class Ground:
    """All of it, once for all steps."""

    config: Config
    database: Database
    clock: Callable[[], datetime]
    stop: threading.Event  #: ends what waits or is long, soon
    pace: Pace
    earth_engine: EarthEngine
    stores: Stores
    ledger: Ledger
    listing: Listing
    roots: Roots
    tasks: Tasks
    staging: Staging
    mirrors: Mirrors
    brakes: Brakes
    gauge: DirectGauge
    exporting: Gates  #: of all that needs a task
    reading: Gate  #: of what is read directly
    bandwidth: Bandwidth
    access: Access
    planner: Planner
    workload_tag: str  #: of pixels that this ledger reads: by it Cloud Monitoring tells their cost

    def shop(self, pool: Executor, executor: ByteExecutor | None = None) -> Workshop:
        """Return what a step works with; pool: of threads that ask the network."""
        return Workshop(
            *(self.ledger, pool, self.clock),
            stopping=self.stop.is_set,
            executor=executor or ThreadExecutor(),
            mirror_trouble=self.mirrors.trouble,
        )


def stores_of(config: Config, roots: Roots) -> list[str]:
    """Return where results may go, first where they go as a rule."""
    used = (
        DRIVE if config.over(root.options).way == "drive" else root.bucket
        for root in roots.active()
    )
    return list(dict.fromkeys([config.bucket or DRIVE, *filter(None, used), ASSETS]))


def is_used(database: Database, store: str) -> bool:
    """Whether anything is still to go to a store."""
    if store == ASSETS:
        makings = Derivations(database), Restores(database)
        return any(making.is_anything_left() for making in makings)
    return Ledger(database).goes_to(store)


def lay_ground(
    config: Config, database: Database, clock: Callable[[], datetime], stop: threading.Event
) -> Ground:
    """Return what the steps are built on. Raises ConfigError or NotAllowedError."""
    requests, submits, direct = (Pacer(sleep=stop.wait) for _ in range(3))
    pace = Pace(requests, submits, direct=direct)
    pace.set(config.throttle, config.direct)
    earth_engine, stores = cloud(config, pace)
    roots, limits, mirrors = Roots(database), limits_of(config), Mirrors(config.ledger)
    tasks = Tasks(database)
    gauge = DirectGauge(config.direct.at_once)
    brakes = Brakes(
        *(limits, Usage(database), roots, lambda: pace.requests.rate_per_s, gauge, clock),
        mirrors.trouble,
    )
    own_id = ledger_id(roots, clock())
    planner = Planner(
        *(Plans(database), config, own_id, config.direct.most_answers),
        folder=config.drive.folder,
    )
    return Ground(
        config=config,
        database=database,
        clock=clock,
        stop=stop,
        pace=pace,
        earth_engine=earth_engine,
        stores=stores,
        ledger=Ledger(database),
        listing=Listing(database),
        roots=roots,
        tasks=tasks,
        staging=Staging(database),
        mirrors=mirrors,
        brakes=brakes,
        gauge=gauge,
        exporting=gates_of_exports(
            *(clock, roots, stores_of(config, roots)),
            *(partial(is_used, database), tasks.is_running_since),
        ),
        reading=Gate("direct reading", clock, roots, SharedFailures(UNKNOWN)),
        bandwidth=Bandwidth(
            lambda: limits.bandwidth.rate_at(clock().astimezone()), sleep=stop.wait
        ),
        access=access_of(config),
        planner=planner,
        workload_tag=f"{WORKLOAD_TAG}-{own_id}",
    )
