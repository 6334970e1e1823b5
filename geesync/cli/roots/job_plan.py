"""What a job would make of each image of its collection, against what is known of its results."""

from __future__ import annotations

import json as documents
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from geesync.domain.assets.asset import CONTAINERS
from geesync.domain.assets.footprint import outline
from geesync.domain.assets.names import DERIVED, candidates, display_id, is_derived
from geesync.domain.derive.job import (
    MOST_BODY_BYTES,
    Job,
    Skipped,
    expression_hash,
    marks,
    public_name,
    request,
    wanted,
)
from geesync.domain.tasks.expressions import call, expression
from geesync.errors import RemoteError, UserError

if TYPE_CHECKING:
    from geesync.adapters.earth_engine.earth_engine import EarthEngine
    from geesync.adapters.earth_engine.user_functions import Function
    from geesync.domain.assets.asset import SourceAsset
    from geesync.domain.assets.grid import Grid
    from geesync.domain.json import Json
    from geesync.sections import DeriveConfig, LatticeConfig

#: In place of a collection's name: results are read home, and no asset is made.
MIRROR = "mirror"


@dataclass(frozen=True)
class Result:
    """A result that is to be made."""

    source: SourceAsset
    target: str  #: its canonical name
    digest: str  #: of all that it is made by
    own: Json  #: the function's own expression
    request: Json  #: the export's body, with properties and marks


@dataclass
class JobPlan:
    """What a job would do."""

    made: list[Result] = field(default_factory=list)  #: to be made
    there: int = 0  #: made or on the way, by this very function
    stale: list[str] = field(default_factory=list)  #: made by what the function was
    changed: list[str] = field(default_factory=list)  #: made of what the image was
    skipped: list[Skipped] = field(default_factory=list)
    vanished: list[str] = field(default_factory=list)  #: of which the source is not listed any more

    def sort(self, result: Result, earlier: tuple[str, str] | None, *, is_kept: bool) -> None:
        """Add a result; earlier: revision and hash of what is there. is_kept: as a version."""
        source, is_same = result.source, earlier is not None and earlier[1] == result.digest
        if earlier == (source.revision, result.digest):
            self.there += 1
        elif earlier is None or (is_kept and is_same):
            self.made.append(result)
        elif earlier[0] != source.revision:
            self.changed.append(source.name)
        else:
            self.stale.append(source.name)

    def documents(self) -> Iterator[Json]:
        """Yield it for machines, a document an image."""
        for result in self.made:
            yield {"source": result.source.name, "target": result.target, "is": "new"}
        for name in (*self.stale, *self.changed):
            yield {"source": name, "is": "stale"}
        for target in self.vanished:
            yield {"target": target, "is": "vanished"}
        for left in self.skipped:
            yield {"source": left.source, "is": "skipped", "why": left.why}


def function_of(name: str, section: DeriveConfig, beside: Path) -> Function:
    """Return a job's function. Raises UserError if there is none."""
    from geesync.adapters.earth_engine.user_functions import from_expression, load_function

    if (section.function is None) == (section.expression is None):
        raise UserError(f"[derive.{name}] needs one of function and expression")
    if section.function:
        return load_function(section.function, beside)
    return from_expression(Path(str(section.expression)))


def compare(
    job: Job,
    section: DeriveConfig,
    earth_engine: EarthEngine,
    function: Function,
    known: Mapping[str, tuple[str, str]],
    absent: Collection[str] = (),
) -> JobPlan:
    """Return what is to be made of each image of the collection.

    known: of each result's target, the source's revision and the expression's hash. absent: targets
    of which nothing is there yet, or any more: made by what the function is now.
    """
    from geesync.adapters.earth_engine.user_functions import expression_of

    plan = JobPlan()
    targets: set[str] = set()
    pages = earth_engine.list_children(job.collection, job.listed)  # filtered, where it can be
    for found in wanted(job, chain.from_iterable(pages)):
        if isinstance(found, Skipped):
            plan.skipped.append(found)
            continue
        finish = expression_of(earth_engine, function, found, keep=section.keep, clip=job.clip)
        if finish is None:
            plan.skipped.append(Skipped(found.name, "the function leaves it out"))
            continue
        own, whole = finish({})
        made = {"expression": whole, "grid": job.grid(found), "pyramiding": job.pyramiding}
        digest = expression_hash(made)
        _, expression = finish(marks(job.name, found, digest))
        result = Result(found, job.target(found), digest, own, request(job, found, expression))
        if len(documents.dumps(result.request)) > MOST_BODY_BYTES:
            plan.skipped.append(Skipped(found.name, "its expression has more than 10 MB"))
            continue
        if result.target in targets:
            raise UserError(
                f"{display_id(result.target)} would be made of several images",
                hint='name = "{index}"',
            )
        targets.add(result.target)
        earlier = known.get(result.target)
        if result.target in absent and earlier != (found.revision, digest):
            earlier = None
        plan.sort(result, earlier, is_kept=is_derived(job.into))
    left = {skipped.source.rpartition("/")[2] for skipped in plan.skipped}
    plan.vanished = sorted(
        target for target in known.keys() - targets if target.rpartition("/")[2] not in left
    )
    return plan


def require_container(earth_engine: EarthEngine, name: str, *, may_miss: bool) -> None:
    """Raise UserError if something is no folder or collection, or is not there and must be."""
    found = earth_engine.find_asset(name)
    if found is None and not may_miss:
        raise UserError(f"{display_id(name)} does not exist, or is not shared with this account")
    if found is not None and found.type not in CONTAINERS:
        raise UserError(f"{display_id(name)} is of the type {found.type}, and no collection")


def job_of(name: str, section: DeriveConfig, earth_engine: EarthEngine, beside: Path) -> Job:
    """Return a job as it is configured. Raises UserError for what makes no sense.

    beside: the folder that a region's file is looked for in.
    """
    pad = timedelta(days=section.pad_days)
    moments = [
        datetime.combine(day, time(), UTC) if day else None for day in (section.begin, section.end)
    ]
    collection = public_name(section.collection)
    is_public = collection.startswith("projects/earthengine-public/")
    if section.into != MIRROR and section.way != "auto":
        raise UserError(f"[derive.{name}] way is for into = {MIRROR!r}")
    return Job(
        name=name,
        collection=collection if is_public else candidates(collection)[0],
        into=f"{DERIVED}{name}" if section.into == MIRROR else candidates(section.into)[0],
        begin=moments[0] and moments[0] - pad,
        end=moments[1] and moments[1] + pad,
        region=_region(section.region, earth_engine, beside) if section.region else None,
        clip=_place(section.clip, beside) if section.clip else None,
        result=section.name,
        grid_of=section.grid.partition(":")[2] if isinstance(section.grid, str) else "",
        pyramiding=section.pyramiding,
        **({} if isinstance(section.grid, str) else {"place": _onto(section.grid)}),
    )


def _onto(section: LatticeConfig) -> Callable[[Grid], Grid]:
    from geesync.adapters.formats.reprojection import covering
    from geesync.domain.assets.grid import Grid

    lattice = Grid(section.crs, section.transform, 0, 0)
    return lambda grid: covering(grid, lattice)


def _place(place: str, beside: Path) -> Json | str:
    """Return the outline of a GeoJSON file, or the id of a table asset."""
    file = beside / Path(place).expanduser()
    if not file.exists() and place.startswith(("users/", "projects/")):
        return place
    try:
        document = documents.loads(file.read_bytes())
        found = [one.get("geometry", one) for one in document.get("features", [document])]
        region = outline({"type": "GeometryCollection", "geometries": found})
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise UserError(f"{file} is no GeoJSON of a region", hint=str(error)) from error
    if region is None:
        raise UserError(f"{file} is no GeoJSON of a region")
    return region["geometries"][0] if len(region["geometries"]) == 1 else region


def _region(named: str, earth_engine: EarthEngine, beside: Path) -> Json:
    """Return the outline of a GeoJSON file, or of a table asset."""
    table = _place(named, beside)
    if not isinstance(table, str):
        return table
    rows = call("Collection.loadTable", tableId=candidates(table)[0])
    try:
        found = earth_engine.compute(expression(call("Collection.geometry", collection=rows)))
    except RemoteError as error:
        raise UserError(f"the region {display_id(table)} cannot be read", hint=str(error)) from None
    region = outline(found)
    if region is None:
        raise UserError(f"the table {display_id(table)} has no outline")
    return region
