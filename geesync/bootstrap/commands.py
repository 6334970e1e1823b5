"""Builds what single commands need: checks, comparisons, freeing and adopting."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from geesync.bootstrap.resources import cloud, pixel_source, threads
from geesync.checks.checker import Checker
from geesync.checks.comparer import Comparer, PixelComparer
from geesync.checks.freeing import Freer
from geesync.config import Config
from geesync.domain.mirror.older_exports import OlderExports
from geesync.domain.restore.losses import LossKind
from geesync.steps.discovery.account import survey
from geesync.steps.mirror.fetcher import Fetcher
from geesync.steps.mirrors import Mirrors
from geesync.steps.step import StepContext
from geesync.steps.tasks.present import Present
from geesync.store.copies.checks import Checks
from geesync.store.copies.freed import Freed
from geesync.store.file.database import Database
from geesync.store.ledger.ledger import Ledger
from geesync.store.ledger.roots import Roots

if TYPE_CHECKING:
    from geesync.bootstrap.service import Service
    from geesync.checks.older_mirror import OlderMirror


@contextmanager
def checker(config: Config, database: Database) -> Iterator[Checker]:
    """Build the checker of mirrors against the ledger; it needs no network."""
    with threads(config) as pool:
        trouble = Mirrors(config.ledger).trouble
        context = StepContext(Ledger(database), pool, mirror_trouble=trouble)
        yield Checker(context, Checks(database), Roots(database))


@contextmanager
def freer(
    config: Config, database: Database, accepted: frozenset[LossKind], key_file: Path | None
) -> Iterator[Freer]:
    """Build what deletes at Earth Engine; key_file: of the identity that may, if another one."""
    engine = config.earth_engine.model_copy(
        update={"credentials": key_file or config.earth_engine.credentials}
    )
    earth_engine, _ = cloud(config.model_copy(update={"earth_engine": engine}))
    with checker(config, database) as built:
        yield Freer(built, earth_engine, Ledger(database), Freed(database), accepted)


def older_mirror(built: Service, exports: OlderExports, root: str, share: float) -> OlderMirror:
    """Return what adopts files of other scripts; share: of pixels to compare, 0 to 1."""
    from geesync.checks.older_mirror import OlderMirror  # noqa: PLC0415 # GDAL: late

    fetcher = next(step for step in built.steps if isinstance(step, Fetcher))
    return OlderMirror(exports, root, share, fetcher, built.adopter.recovery)


def pixel_comparer(
    config: Config, database: Database, share: float, now: datetime
) -> PixelComparer:
    """Build the comparer of images with Earth Engine's pixels; share: of pixels, 0 to 1."""
    earth_engine, _ = cloud(config)
    source, checks = pixel_source(config), Checks(database)
    present = Present(Ledger(database), earth_engine)
    return PixelComparer(source, checks, present.now, share, now.isoformat())


@contextmanager
def comparer(config: Config, database: Database) -> Iterator[Comparer]:
    """Build the comparer of the mirror with Earth Engine's listing."""
    earth_engine, _ = cloud(config)
    with threads(config) as pool:
        surveyed = partial(survey, earth_engine, pool)
        yield Comparer(surveyed, Checks(database), Roots(database), config, earth_engine.get_asset)
