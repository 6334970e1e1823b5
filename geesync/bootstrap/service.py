"""A ledger with everything that works on it: clients, stores, brakes, and the steps."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor
from datetime import datetime
from functools import partial

from geesync.adapters.executors.executor import ByteExecutor, ThreadExecutor
from geesync.adapters.google.pacing import Pacer
from geesync.adapters.transfer.bandwidth import Bandwidth
from geesync.bootstrap.resources import Pace, access_of, cloud, ledger_id
from geesync.checks.adopter import Adopter
from geesync.config import Config
from geesync.domain.direct.requests import WORKLOAD_TAG
from geesync.domain.failures.shared_failures import UNKNOWN, SharedFailures
from geesync.domain.tasks.exports import Way
from geesync.domain.tasks.lifecycle import ASSETS, DRIVE
from geesync.steps.brakes.brakes import Brakes, DirectGauge, Limits
from geesync.steps.brakes.gate import Gate
from geesync.steps.brakes.gates import Gates, gates_of_downloads, gates_of_exports
from geesync.steps.discovery.discoverer import Discoverer
from geesync.steps.mirror.sweeper import Sweeper
from geesync.steps.mirrors import Mirrors
from geesync.steps.step import Step, StepContext
from geesync.steps.tasks.planner import Planner
from geesync.steps.upkeep.notifier import Notifier
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


class Service:
    """What all steps use, and the steps."""

    steps: tuple[Step, ...]  #: in the order of an asset's life, then those that look on
    adopter: Adopter  #: for a ledger that replaces a lost one

    def __init__(
        self,
        config: Config,
        database: Database,
        clock: Callable[[], datetime],
        stop: threading.Event,
    ) -> None:
        """stop: ends waiting and long work soon. Raises ConfigError or NotAllowedError."""
        self.config, self.database, self.clock, self._stop = config, database, clock, stop
        requests, submits, direct = (Pacer(sleep=stop.wait) for _ in range(3))
        self.pace = Pace(requests, submits, direct=direct)
        self.pace.set(config.throttle, config.direct)
        self.earth_engine, self.stores = cloud(config, self.pace)
        self.ledger, self.listing = Ledger(database), Listing(database)
        self.roots, self.tasks = Roots(database), Tasks(database)
        self.staging, self.mirrors = Staging(database), Mirrors(config.ledger)
        self.access = access_of(config)
        self.gauge = DirectGauge(config.direct.at_once)
        limits = Limits(config.throttle, config.direct.eecu_s_per_answer)
        self.brakes = Brakes(
            *(limits, Usage(database), self.roots, lambda: requests.rate_per_s, self.gauge),
            *(clock, self.mirrors.trouble),
            lambda: {*self.exporting.closed(), *self.downloading.closed()},
        )
        self.bandwidth = Bandwidth(lambda: limits.bytes_per_s(clock()), sleep=stop.wait)
        #: Of all that needs a task, of downloads, and of what is read directly.
        known = clock, self.roots, stores_of(config, self.roots), partial(is_used, database)
        self.exporting = gates_of_exports(*known, self.tasks.is_running_since)
        self.downloading = gates_of_downloads(*known)
        self.reading = Gate("direct reading", clock, self.roots, SharedFailures(UNKNOWN))
        self.ledger_id = ledger_id(self.roots, clock())
        self.planner = Planner(
            *(Plans(database), config, self.ledger_id, config.direct.most_answers),
            folder=config.drive.folder,
        )
        #: Of pixels that this ledger reads: by it Cloud Monitoring tells what they cost.
        self.workload_tag = f"{WORKLOAD_TAG}-{self.ledger_id}"

    def context(self, pool: Executor, executor: ByteExecutor | None = None) -> StepContext:
        """Return the context of a step; pool: threads for requests."""
        return StepContext(
            *(self.ledger, pool, self.clock),
            stopping=self._stop.is_set,
            executor=executor or ThreadExecutor(),
            mirror_trouble=self.mirrors.trouble,
        )

    @property
    def gates(self) -> tuple[Gates, ...]:
        """Of the work that a refusal halts."""
        return self.exporting, self.downloading

    def step(self, name: str) -> Step:
        """Return a step by its name."""
        return next(step for step in self.steps if step.name == name)

    def lasting_halts(self) -> list[str]:
        """Return the stores, or "direct", that are refused for long."""
        stores = [store for gates in self.gates for store in gates.closed(lasting=True)]
        return [*stores, *([Way.DIRECT] if self.reading.lasts else [])]

    def finish(self) -> str:
        """Sweep what is left, then tell people how it stands: nobody looks after a last pass.

        Returns what is left all the same, for people. Raises MirrorError if a mirror is away: what
        is written down as verified is not here then.
        """
        left = [step.finish() for step in self.steps if isinstance(step, Sweeper)]
        for step in self.steps:
            if isinstance(step, Notifier):
                step.notify()
        for dest in {root.dest for root in self.roots.working()}:
            self.mirrors.require(dest)
        return "".join(left)

    def reload(self, config: Config) -> None:
        """Take over what can change while the steps run."""
        self.earth_engine.renew()  # a key that was replaced is read at once
        self.pace.set(config.throttle, config.direct)
        self.brakes.limits.throttle = config.throttle
        self.brakes.limits.eecu_s_per_answer = config.direct.eecu_s_per_answer
        for step in self.steps:
            if isinstance(step, Discoverer):
                step.interval = config.schedule.discover
