"""Builds the steps that mirror assets, in the order of an asset's life."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor

from geesync.adapters.direct.source import open_source
from geesync.adapters.executors.executor import ByteExecutor
from geesync.adapters.storage.stores import ObjectSource
from geesync.bootstrap.resources import direct_access_of
from geesync.bootstrap.shared import Shared
from geesync.domain.mirror.layout import STAGING
from geesync.domain.tasks.exports import Way
from geesync.steps.catalogue.cataloguer import Cataloguer
from geesync.steps.discovery.discoverer import Discoverer
from geesync.steps.mirror.downloader import Downloader
from geesync.steps.mirror.fetcher import Fetcher
from geesync.steps.mirror.sweeper import Sweeper
from geesync.steps.mirror.transfers import Transfers
from geesync.steps.mirror.verifier import Verifier
from geesync.steps.step import Step, Workshop
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
    shared: Shared,
    pool: Executor,
    asking: Workshop,
    executors: tuple[ByteExecutor, ByteExecutor, ByteExecutor],
) -> Iterator[Step]:
    """Yield the steps.

    asking: has threads of its own, since in the pool asks for exports, which wait for their turn,
    would keep all other steps waiting. executors: who fetches, who proves, and who reads directly.
    """
    config = shared.config
    fetching, proving, reading = executors
    yield Discoverer(
        *(shared.workshop(pool), shared.earth_engine, shared.listing, shared.roots),
        *(config.schedule.discover, config),
    )
    submitter = Submitter(
        asking, shared.earth_engine, shared.tasks, shared.exporting, shared.planner.request
    )
    yield Exporter(asking, submitter, shared.tasks, shared.planner, shared.brakes)
    yield _fetcher(shared, shared.workshop(pool, reading))
    yield _reconciler(shared, shared.workshop(pool))
    yield _downloader(shared, shared.workshop(pool, fetching))
    sidecars = Sidecars(shared.database)
    policy_of = shared.earth_engine.get_policy if config.acl else None
    yield Verifier(
        shared.workshop(pool, proving), shared.staging, shared.planner, sidecars, policy_of
    )
    yield Cataloguer(shared.workshop(pool), Catalogue(shared.database), shared.staging, sidecars)
    swept = {Way.BUCKET: config.storage.sweep, Way.DRIVE: not config.drive.keep}
    if any(swept.values()):
        ways = tuple(way for way in swept if swept[way])
        yield Sweeper(shared.workshop(pool), shared.stores, shared.staging, STAGING, ways)


def _fetcher(shared: Shared, workshop: Workshop) -> Fetcher:
    access = direct_access_of(shared.config, shared.access, shared.workload_tag)
    return Fetcher(
        workshop,
        open_source(access, shared.pace.direct, workshop.keep_on),
        shared.planner,
        Fetched(shared.database),
        Revisions(workshop, shared.earth_engine),
        shared.listing,
        shared.brakes,
        shared.reading,
        shared.gauge,
        Transfers(workshop, access.at_once, "no answer came for a minute"),
        shared.config.direct.reread,
    )


def _reconciler(shared: Shared, workshop: Workshop) -> Reconciler:
    present = Present(shared.ledger, shared.earth_engine)
    return Reconciler(
        workshop,
        shared.earth_engine,
        shared.tasks,
        StagedObjects(workshop, shared.stores, STAGING),
        AssetOutcomes(workshop, present, shared.tasks, shared.planner, shared.listing),
        shared.roots,
        shared.exporting,
    )


def _downloader(shared: Shared, workshop: Workshop) -> Downloader:
    workshop.chunk = 1000  # what comes is recorded as it comes, and not at the end
    source = ObjectSource(shared.access, lambda: shared.stores, shared.bandwidth, workshop.keep_on)
    return Downloader(
        workshop,
        Transfers(
            workshop,
            shared.config.throttle.downloads,
            "less than 9 kB a second comes",  # half a megabyte is written at a time
        ),
        source,
        shared.stores,
        shared.staging,
        shared.brakes.limits,
        shared.downloading,
    )
