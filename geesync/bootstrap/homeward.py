"""Puts the steps together that bring assets home, in the order of an asset's life."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor

from geesync.adapters.direct.source import open_source
from geesync.adapters.executors.executor import ByteExecutor
from geesync.adapters.storage.stores import ObjectSource
from geesync.bootstrap.ground import Ground
from geesync.bootstrap.outside import direct_access_of
from geesync.domain.mirror.layout import STAGING
from geesync.domain.tasks.exports import Way
from geesync.steps.brakes.gates import Gates
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


def homeward(
    ground: Ground,
    pool: Executor,
    asking: Workshop,
    executors: tuple[ByteExecutor, ByteExecutor, ByteExecutor],
    downloads: Gates,
) -> Iterator[Step]:
    """Yield the steps.

    asking: has threads of its own, since in the pool asks for exports, which wait for their turn,
    would keep all other steps waiting. executors: who fetches, who proves, and who reads directly.
    """
    config = ground.config
    fetching, proving, reading = executors
    yield Discoverer(
        *(ground.shop(pool), ground.earth_engine, ground.listing, ground.roots),
        *(config.schedule.discover, config),
    )
    submitter = Submitter(
        asking, ground.earth_engine, ground.tasks, ground.exporting, ground.planner.request
    )
    yield Exporter(asking, submitter, ground.tasks, ground.planner, ground.brakes)
    yield _fetcher(ground, ground.shop(pool, reading))
    yield _reconciler(ground, ground.shop(pool))
    yield _downloader(ground, ground.shop(pool, fetching), downloads)
    sidecars = Sidecars(ground.database)
    policy_of = ground.earth_engine.get_policy if config.acl else None
    yield Verifier(ground.shop(pool, proving), ground.staging, ground.planner, sidecars, policy_of)
    yield Cataloguer(ground.shop(pool), Catalogue(ground.database), ground.staging, sidecars)
    swept = {Way.BUCKET: config.storage.sweep, Way.DRIVE: not config.drive.keep}
    if any(swept.values()):
        ways = tuple(way for way in swept if swept[way])
        yield Sweeper(ground.shop(pool), ground.stores, ground.staging, STAGING, ways)


def _fetcher(ground: Ground, workshop: Workshop) -> Fetcher:
    access = direct_access_of(ground.config, ground.access, ground.workload_tag)
    return Fetcher(
        workshop,
        open_source(access, ground.pace.direct, workshop.keep_on),
        ground.planner,
        Fetched(ground.database),
        Revisions(workshop, ground.earth_engine),
        ground.listing,
        ground.brakes,
        ground.reading,
        ground.gauge,
        Transfers(workshop, access.at_once, "no answer came for a minute"),
        ground.config.direct.reread,
    )


def _reconciler(ground: Ground, workshop: Workshop) -> Reconciler:
    present = Present(ground.ledger, ground.earth_engine)
    return Reconciler(
        workshop,
        ground.earth_engine,
        ground.tasks,
        StagedObjects(workshop, ground.stores, STAGING),
        AssetOutcomes(workshop, present, ground.tasks, ground.planner, ground.listing),
        ground.roots,
        ground.exporting,
    )


def _downloader(ground: Ground, workshop: Workshop, gates: Gates) -> Downloader:
    workshop.chunk = 1000  # what comes is recorded as it comes, and not at the end
    source = ObjectSource(ground.access, lambda: ground.stores, ground.bandwidth, workshop.keep_on)
    return Downloader(
        workshop,
        Transfers(
            workshop,
            ground.config.throttle.downloads,
            "less than 9 kB a second comes",  # half a megabyte is written at a time
        ),
        source,
        ground.stores,
        ground.staging,
        ground.brakes.limits,
        gates,
    )
