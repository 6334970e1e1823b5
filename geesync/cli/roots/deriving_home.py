"""Jobs whose results come into the mirror: assets of a root of their own, ``derived/JOB``.

Earth Engine never has them: their pixels are computed as they are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from geesync.cli.context import now, opened
from geesync.domain.derive.job import collection_of, described, mark_of
from geesync.errors import RemoteError, UnavailableError

if TYPE_CHECKING:
    from geesync.adapters.earth_engine.earth_engine import EarthEngine
    from geesync.adapters.storage.stores import Stores
    from geesync.cli.roots.job_plan import Result
    from geesync.config import Config
    from geesync.domain.assets.asset import SourceAsset
    from geesync.domain.derive.job import Job
    from geesync.store.file.database import Database
    from geesync.store.ledger.ledger import LedgerAsset

#: Questions at a time: what bands a result has, which only Earth Engine knows.
_AT_ONCE = 8


def results(database: Database, root: str) -> list[tuple[LedgerAsset, SourceAsset]]:
    """Return the results of a job that the ledger knows, each with its description."""
    from geesync.store.ledger.ledger import Ledger
    from geesync.store.ledger.roots import Roots

    found = Roots(database).find(root)
    ledger = Ledger(database)
    assets = ledger.images_of(found.id) if found else []
    sources = ledger.sources_of(assets)
    return [(asset, sources[asset.id]) for asset in assets]


def known(database: Database, root: str) -> dict[str, tuple[str, str]]:
    """Return of each result's name the source's revision and the expression's hash."""
    return {asset.name: mark_of(source) for asset, source in results(database, root)}


def start(
    config: Config,
    earth_engine: EarthEngine,
    stores: Stores,
    job: Job,
    made: Sequence[Result],
) -> None:
    """Have the daemon bring new results home. Raises UserError if Earth Engine does not answer."""
    from geesync.cli.roots.watching import watch
    from geesync.store.ledger.listing import Listing
    from geesync.store.ledger.roots import Roots

    def describe(one: Result) -> SourceAsset:
        computed = earth_engine.compute(one.request["expression"])
        return described(one.target, one.source, computed, one.request["grid"], one.own)

    try:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = [collection_of(job.into), *pool.map(describe, made)]
    except RemoteError as error:
        raise UnavailableError(f"Earth Engine: {error}") from None
    chosen = config.chosen({"way": config.derive[job.name].way})
    watch(
        config,
        stores,
        [job.into],
        chosen,
        dict.fromkeys(("dest", "bucket", "interval")),
        afresh=False,
    )
    with opened(config) as database:
        roots = Roots(database)
        root = roots.find(job.into)
        assert root is not None  # it was just written
        Listing(database).observe(root.id, found, now())
        roots.update(root.id, scanned_at=now())
        roots.asked(now())
