"""Builds the steps that make assets at Earth Engine: restores, and results of jobs."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from functools import lru_cache, partial

from geesync.adapters.storage.uploads import Uploads
from geesync.bootstrap.resources import pixel_source
from geesync.bootstrap.service import Service
from geesync.steps.derive import deriver
from geesync.steps.derive.deriver import Deriver
from geesync.steps.derive.job_scans import JobScans
from geesync.steps.restore import restorer
from geesync.steps.restore.prover import Prover
from geesync.steps.restore.restorer import Restorer
from geesync.steps.restore.second_copy import SecondCopies
from geesync.steps.restore.uploader import Uploader, judge
from geesync.steps.step import Step, StepContext
from geesync.steps.tasks.asset_maker import AssetMaker
from geesync.steps.tasks.submitter import Submitter
from geesync.store.making.derivations import Derivations
from geesync.store.making.restores import Restores


def making_steps(
    service: Service, pool: Executor, asking: StepContext, config_file: str | None
) -> Iterator[Step]:
    """Yield the steps; config_file: given to the processes that plan jobs."""
    yield _deriver(service, service.context(pool), asking)
    yield _restorer(service, service.context(pool), asking)
    every = {name: job.every for name, job in service.config.derive.items() if job.every}
    if every:
        named = ("--config", config_file) if config_file else ()
        derivations = Derivations(service.database)
        yield JobScans(service.context(pool), service.roots, derivations, every, named)


def _submitter(service: Service, asking: StepContext) -> Submitter:
    """Return the submitter of tasks whose whole body is in the ledger."""
    return Submitter(
        *(asking, service.earth_engine, service.tasks, service.exporting), lambda task: task.body
    )


def _deriver(service: Service, context: StepContext, asking: StepContext) -> Deriver:
    derivations = Derivations(service.database)
    maker = AssetMaker(
        *(context, service.earth_engine, derivations, service.tasks),
        submitter=_submitter(service, asking),
        brakes=service.brakes,
        ledger_id=service.ledger_id,
        ask=deriver.ask,
        judge=deriver.judge,
    )
    return Deriver(context, derivations, maker)


def _restorer(service: Service, context: StepContext, asking: StepContext) -> Restorer:
    config, storage = service.config, service.stores.storage
    restores, work = Restores(service.database), config.ledger.parent / "restore"
    uploads = Uploads(storage, service.bandwidth, context.keep_on)
    return Restorer(
        context,
        restores,
        Uploader(context, service.earth_engine, uploads, restores, work),
        AssetMaker(
            *(context, service.earth_engine, restores, service.tasks),
            submitter=_submitter(service, asking),
            brakes=service.brakes,
            ledger_id=service.ledger_id,
            ask=restorer.ask,
            judge=judge,
        ),
        Prover(
            context,
            service.earth_engine,
            storage,
            lru_cache(partial(pixel_source, config, context.keep_on)),
            restores,
            SecondCopies(context, service.roots),
            config.direct.proved,
            config.direct.most_answers,
        ),
    )
