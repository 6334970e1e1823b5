"""One asset of a pass that reads directly: what is asked for, and what it makes on disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from geesync.adapters.direct.brought import Brought
from geesync.adapters.direct.image_files import ImageJob, Target
from geesync.adapters.direct.table_fetching import TableJob
from geesync.adapters.mirror_files.disk import Folder
from geesync.adapters.mirror_files.group_sync import Landed
from geesync.domain.json import Json
from geesync.domain.mirror.layout import file_stem, is_unfinished
from geesync.domain.mirror.plan import Plan
from geesync.domain.tasks.exports import Part
from geesync.store.copies import fetched
from geesync.store.ledger.ledger import LedgerAsset
from geesync.store.tasks.plans import KnownPlan


@dataclass(frozen=True)
class Job:
    """One asset of a pass."""

    asset: LedgerAsset
    known: KnownPlan
    work: ImageJob | TableJob
    size_bytes: int
    adopted: tuple[str, ...] = ()  #: files that others exported, if it was not read whole

    def requests_left(self, place: Folder) -> int:
        """Return how many requests there may be for it yet, at most."""
        work = self.work
        return work.requests_left(place) if isinstance(work, ImageJob) else 1

    def progress(self, place: Folder) -> int:
        """Return what tells by its growth that something comes."""
        return sum(place.size_of(name) or 0 for name in place.names() if is_unfinished(name))

    def part_ids(self) -> list[str]:
        """Return the ids of its parts, in the order of the work's files."""
        return [part.id for part in self.known.plan.parts]


def targets_of(asset: LedgerAsset, plan: Plan, token: Callable[[Part], str]) -> tuple[Target, ...]:
    """Return the files of an asset; token: what is in the names of a part's until it is proved."""
    return tuple(
        Target(part, f"{file_stem(asset.path, part.key)}.{part.extension}", token(part))
        for part in plan.parts
    )


def landed(job: Job, brought: Brought) -> list[Landed]:
    """Return the files of an asset as they landed, with the names that they are to have."""
    tokens = _tokens(job)
    return [Landed(job.asset.path, kept.name, file, tokens[file]) for file, kept in brought.files]


def _tokens(job: Job) -> dict[str, str]:
    if isinstance(job.work, TableJob):
        return dict(job.work.files)
    return {one.file: one.token for one in job.work.targets}


def copy_of(job: Job, brought: Brought) -> fetched.FetchedCopy:
    """Return what the ledger is to know of an asset's copy."""
    files = {
        part_id: replace(kept, name=file)
        for part_id, (file, kept) in zip(job.part_ids(), brought.files, strict=True)
    }
    origin: Json = {"requests": brought.requests, "read_again": brought.read_again}
    if brought.fractional is not None:
        origin["fractional"] = list(brought.fractional)
    if job.adopted:
        origin = {"read_again": brought.read_again, "adopted": list(job.adopted)}
    return fetched.FetchedCopy(job.known.id, files, origin)
