"""Builds the steps that mirror assets, in the order of an asset's life."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor

from geesync.adapters.direct.source import open_source
from geesync.adapters.executors.executor import ByteExecutor
from geesync.adapters.storage.stores import ObjectSource
from geesync.bootstrap.resources import direct_access_of
from geesync.bootstrap.service import Service
from geesync.domain.mirror.layout import STAGING
from geesync.domain.tasks.exports import Way
from geesync.steps.catalogue.cataloguer import Cataloguer
from geesync.steps.discovery.discoverer import Discoverer
from geesync.steps.mirror.downloader import Downloader
from geesync.steps.mirror.fetcher import Fetcher
from geesync.steps.mirror.sweeper import Sweeper
from geesync.steps.mirror.transfers import Transfers
from geesync.steps.mirror.verifier import Verifier
from geesync.steps.step import Step, StepContext
from geesync.steps.tasks.asset_outcomes import AssetOutcomes
from geesync.steps.tasks.exporter import Exporter
from geesync.steps.tasks.present import Present, Revisions
from geesync.steps.tasks.reconciler import Reconciler
from geesync.steps.tasks.staged_objects import StagedObjects
from geesync.steps.tasks.submitter import Submitter
from geesync.store.copies.catalogue import Catalogue
from geesync.store.copies.fetched import Fetched
from geesync.store.copies.sidecars import Sidecars


def mirror_steps(
    service: Service,
    pool: Executor,
    asking: StepContext,
    executors: tuple[ByteExecutor, ByteExecutor, ByteExecutor],
) -> Iterator[Step]:
    """Yield the steps.

    asking: has threads of its own, since in the pool asks for exports, which wait for their turn,
    would keep all other steps waiting. executors: who fetches, who proves, and who reads directly.
    """
    config = service.config
    fetching, proving, reading = executors
    yield Discoverer(
        *(service.context(pool), service.earth_engine, service.listing, service.roots),
        *(config.schedule.discover, config),
    )
    submitter = Submitter(
        asking, service.earth_engine, service.tasks, service.exporting, service.planner.request
    )
    yield Exporter(asking, submitter, service.tasks, service.planner, service.brakes)
    yield _fetcher(service, service.context(pool, reading))
    yield _reconciler(service, service.context(pool))
    yield _downloader(service, service.context(pool, fetching))
    sidecars = Sidecars(service.database)
    policy_of = service.earth_engine.get_policy if config.acl else None
    yield Verifier(
        service.context(pool, proving), service.staging, service.planner, sidecars, policy_of
    )
    yield Cataloguer(service.context(pool), Catalogue(service.database), service.staging, sidecars)
    swept = {Way.BUCKET: config.storage.sweep, Way.DRIVE: not config.drive.keep}
    if any(swept.values()):
        ways = tuple(way for way in swept if swept[way])
        yield Sweeper(service.context(pool), service.stores, service.staging, STAGING, ways)


def _fetcher(service: Service, context: StepContext) -> Fetcher:
    access = direct_access_of(service.config, service.access, service.workload_tag)
    return Fetcher(
        context,
        open_source(access, service.pace.direct, context.keep_on),
        service.planner,
        Fetched(service.database),
        Revisions(context, service.earth_engine),
        service.listing,
        service.brakes,
        service.reading,
        service.gauge,
        Transfers(context, access.at_once, "no answer came for a minute"),
        service.config.direct.reread,
    )


def _reconciler(service: Service, context: StepContext) -> Reconciler:
    present = Present(service.ledger, service.earth_engine)
    return Reconciler(
        context,
        service.earth_engine,
        service.tasks,
        StagedObjects(context, service.stores, STAGING),
        AssetOutcomes(context, present, service.tasks, service.planner, service.listing),
        service.roots,
        service.exporting,
    )


def _downloader(service: Service, context: StepContext) -> Downloader:
    context.chunk = 1000  # what comes is recorded as it comes, and not at the end
    source = ObjectSource(
        service.access, lambda: service.stores, service.bandwidth, context.keep_on
    )
    return Downloader(
        context,
        Transfers(
            context,
            service.config.throttle.downloads,
            "less than 9 kB a second comes",  # half a megabyte is written at a time
        ),
        source,
        service.stores,
        service.staging,
        service.brakes.limits,
        service.downloading,
    )
