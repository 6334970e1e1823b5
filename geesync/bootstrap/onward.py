"""Puts the steps together that go out again: restored assets, and what jobs derive."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from geesync.adapters.direct.source import open_source
from geesync.adapters.earth_engine.earth_engine import EarthEngine
from geesync.adapters.google.pacing import Pacer
from geesync.adapters.storage.bucket import Storage
from geesync.adapters.storage.uploads import Uploads
from geesync.adapters.transfer.bandwidth import Bandwidth
from geesync.config import Config
from geesync.steps.brakes.brakes import Brakes
from geesync.steps.brakes.gate import (
    Gate,
)
from geesync.steps.derive import results
from geesync.steps.derive.deriver import Deriver
from geesync.steps.restore import ingestions
from geesync.steps.restore.prover import Prover
from geesync.steps.restore.restorer import Restorer
from geesync.steps.restore.second_copy import SecondCopies
from geesync.steps.restore.uploader import Uploader
from geesync.steps.step import Workshop
from geesync.steps.tasks.asset_maker import AssetMaker
from geesync.steps.tasks.submitter import Submitter
from geesync.store.file.database import Database
from geesync.store.ledger.roots import Roots
from geesync.store.making.derivations import Derivations
from geesync.store.making.restores import Restores
from geesync.store.tasks.tasks import Tasks

if TYPE_CHECKING:
    from geesync.adapters.direct.source import Source
from geesync.bootstrap.outside import ledger_id

#: Requests for pixels that a proof has on their way: few, so that nobody is held up.
_PIXELS_AT_ONCE = 4


def deriver(
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
    maker = AssetMaker(
        workshop=shop(),
        earth_engine=earth_engine,
        making=Derivations(database),
        tasks=tasks,
        submitter=Submitter(asking, earth_engine, tasks, gate, lambda task: task.body),
        brakes=brakes,
        ledger_id=ledger_id(Roots(database), asking.clock()),
        ask=results.ask,
        judge=results.judge,
    )
    return Deriver(maker.workshop, Derivations(database), maker)


def restorer(
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
        AssetMaker(
            workshop=restoring,
            earth_engine=earth_engine,
            making=restores,
            tasks=tasks,
            submitter=Submitter(asking, earth_engine, tasks, gate, lambda task: task.body),
            brakes=brakes,
            ledger_id=ledger_id(roots, asking.clock()),
            ask=ingestions.ask,
            judge=ingestions.judge,
        ),
        Prover(
            restoring,
            earth_engine,
            storage,
            lru_cache(partial(pixel_source, config, restoring.keep_on)),
            restores,
            SecondCopies(restoring, roots),
            config.direct.proved,
            config.direct.most_answers,
        ),
    )


def pixel_source(config: Config, keep_on: Callable[[], bool] = lambda: True) -> Source:
    """Return how pixels are asked for directly, by this process."""
    from geesync.adapters.direct.source import Access  # noqa: PLC0415 # numpy: late

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
