"""Puts the steps together that go out again: restored assets, and what jobs derive."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from geesync.adapters.direct.source import open_source
from geesync.adapters.google.pacing import Pacer
from geesync.adapters.storage.uploads import Uploads
from geesync.bootstrap.ground import Ground
from geesync.bootstrap.outside import ledger_id
from geesync.config import Config
from geesync.steps.derive import deriver
from geesync.steps.derive.deriver import Deriver
from geesync.steps.derive.job_scans import JobScans
from geesync.steps.restore import restorer
from geesync.steps.restore.prover import Prover
from geesync.steps.restore.restorer import Restorer
from geesync.steps.restore.second_copy import SecondCopies
from geesync.steps.restore.uploader import Uploader
from geesync.steps.step import Step, Workshop
from geesync.steps.tasks.asset_maker import AssetMaker
from geesync.steps.tasks.submitter import Submitter
from geesync.store.making.derivations import Derivations
from geesync.store.making.restores import Restores

if TYPE_CHECKING:
    from geesync.adapters.direct.source import Source

#: Requests for pixels that a proof has on their way: few, so that nobody is held up.
_PIXELS_AT_ONCE = 4


def onward(
    ground: Ground, pool: Executor, asking: Workshop, config_file: str | None
) -> Iterator[Step]:
    """Yield the steps; config_file: for the commands of jobs, in processes beside."""
    yield _deriver(ground, ground.shop(pool), asking)
    yield _restorer(ground, ground.shop(pool), asking)
    every = {name: job.every for name, job in ground.config.derive.items() if job.every}
    if every:
        named = ("--config", config_file) if config_file else ()
        derivations = Derivations(ground.database)
        yield JobScans(ground.shop(pool), ground.roots, derivations, every, named)


def _submitter(ground: Ground, asking: Workshop) -> Submitter:
    """Return who sends tasks whose whole body was written down."""
    return Submitter(
        *(asking, ground.earth_engine, ground.tasks, ground.exporting), lambda task: task.body
    )


def _deriver(ground: Ground, workshop: Workshop, asking: Workshop) -> Deriver:
    derivations = Derivations(ground.database)
    maker = AssetMaker(
        *(workshop, ground.earth_engine, derivations, ground.tasks),
        submitter=_submitter(ground, asking),
        brakes=ground.brakes,
        ledger_id=ledger_id(ground.roots, ground.clock()),
        ask=deriver.ask,
        judge=deriver.judge,
    )
    return Deriver(workshop, derivations, maker)


def _restorer(ground: Ground, workshop: Workshop, asking: Workshop) -> Restorer:
    config, storage = ground.config, ground.stores.storage
    restores, work = Restores(ground.database), config.ledger.parent / "restore"
    uploads = Uploads(storage, ground.bandwidth, workshop.keep_on)
    return Restorer(
        workshop,
        restores,
        Uploader(workshop, ground.earth_engine, uploads, restores, work),
        AssetMaker(
            *(workshop, ground.earth_engine, restores, ground.tasks),
            submitter=_submitter(ground, asking),
            brakes=ground.brakes,
            ledger_id=ledger_id(ground.roots, ground.clock()),
            ask=restorer.ask,
            judge=restorer.judge,
        ),
        Prover(
            workshop,
            ground.earth_engine,
            storage,
            lru_cache(partial(pixel_source, config, workshop.keep_on)),
            restores,
            SecondCopies(workshop, ground.roots),
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
