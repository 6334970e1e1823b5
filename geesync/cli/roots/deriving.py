"""``derive``: a person's own function over a whole collection, one durable export an image."""

from __future__ import annotations

import json as documents
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geesync.cli.context import Context, json_line, now, opened, output
from geesync.domain.assets.names import candidates, display_id
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
from geesync.errors import ExitCode, UserError

if TYPE_CHECKING:
    from geesync.adapters.google.earth_engine import EarthEngine
    from geesync.adapters.google.user_functions import Function
    from geesync.cli.context import Context as _Context
    from geesync.config import Config
    from geesync.domain.assets.asset import SourceAsset
    from geesync.domain.assets.footprint import Box
    from geesync.sections import DeriveConfig
    from geesync.store.ledger.derivations import Derived, Planned


class Action(StrEnum):
    """What is to be done with a job."""

    PLAN = "plan"
    START = "start"
    STATUS = "status"
    RETRY = "retry"
    CANCEL = "cancel"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(derive)


def derive(
    context: typer.Context,
    action: Annotated[
        Action, typer.Argument(help="plan, start, status, retry or cancel.", show_default=False)
    ],
    job: Annotated[str, typer.Argument(help="A table [derive.JOB] of the configuration.")],
    renew: Annotated[
        bool,
        typer.Option("--renew", help="Start: go on though the function is not what it was."),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON line for each image.")] = False,
) -> None:
    """Apply a function of one's own to each image of a collection, once, durably."""
    mine: Context = context.obj
    loaded = mine.load()
    config = loaded.config
    if job not in config.derive:
        known = ", ".join(config.derive) or "none"
        raise UserError(f"there is no job {job}", hint=f"[derive.…] has {known}")
    if action in {Action.PLAN, Action.START}:
        beside = Path(loaded.file).parent if loaded.file else Path.cwd()
        _plan(config, job, beside, start=action == Action.START, renew=renew, as_json=json)
    else:
        _look(mine, config, job, action, as_json=json)


@dataclass
class _Plan:
    """What a job would do."""

    made: list[Planned] = field(default_factory=list)  #: to be made
    there: int = 0  #: made or on the way, by this very function
    stale: list[str] = field(default_factory=list)  #: made by what the function was
    skipped: list[Skipped] = field(default_factory=list)


def _plan(
    config: Config, name: str, beside: Path, *, start: bool, renew: bool, as_json: bool
) -> None:
    from geesync.adapters.google.user_functions import from_expression, load_function
    from geesync.bootstrap import cloud
    from geesync.store.ledger.derivations import Derivations

    told = config.derive[name]
    if (told.function is None) == (told.expression is None):
        raise UserError(f"[derive.{name}] needs one of function and expression")
    function = (
        load_function(told.function, beside)
        if told.function
        else from_expression(Path(str(told.expression)))
    )
    earth_engine, _ = cloud(config)
    job = _job(name, told)
    config.ledger.parent.mkdir(parents=True, exist_ok=True)
    with opened(config) as database:
        store = Derivations(database)
        plan = _compare(job, told, earth_engine, function, store.of(name))
        _tell(plan, as_json=as_json)
        if plan.stale and not renew:
            what = f"{len(plan.stale):,} results are of another function than today's"
            if start:
                raise UserError(what, hint="delete them there, or --renew to make the others")
            output().print(what, markup=False)
        if start:
            count = store.add(plan.made, now())
            output().print(
                f"{count:,} to make; geesync derive status {name} says how far", markup=False
            )


def _compare(
    job: Job,
    told: DeriveConfig,
    earth_engine: EarthEngine,
    function: Function,
    known: list[Derived],
) -> _Plan:
    """Return what is to be made of each image of the collection."""
    from geesync.adapters.google.user_functions import expression_of
    from geesync.store.ledger.derivations import Planned

    plan = _Plan()
    targets: set[str] = set()
    by_target = {one.planned.target: one.planned for one in known}
    for found in wanted(job, _sources(earth_engine, job)):
        if isinstance(found, Skipped):
            plan.skipped.append(found)
            continue
        finish = expression_of(earth_engine, function, found, keep=told.keep)
        if finish is None:
            plan.skipped.append(Skipped(found.name, "the function leaves it out"))
            continue
        digest = expression_hash(finish({})[0])
        _, expression = finish(marks(job.name, found, digest))
        body = request(job, found, expression)
        if len(documents.dumps(body)) > MOST_BODY_BYTES:
            plan.skipped.append(Skipped(found.name, "its expression has more than 10 MB"))
            continue
        result = Planned(
            job.name, found.name, found.revision, digest, job.target(found), body, told.in_flight
        )
        if result.target in targets:
            raise UserError(
                f"{display_id(result.target)} would be made of several images",
                hint='name = "{index}"',
            )
        targets.add(result.target)
        earlier = by_target.get(result.target)
        if earlier is None:
            plan.made.append(result)
        elif (earlier.revision, earlier.expression) == (result.revision, digest):
            plan.there += 1
        else:
            plan.stale.append(found.name)
    return plan


def _sources(earth_engine: EarthEngine, job: Job) -> Iterator[SourceAsset]:
    """Yield the images of the collection, filtered by time where Earth Engine can do it."""
    limits = [
        f'startTime {sign} "{moment.isoformat().replace("+00:00", "Z")}"'
        for sign, moment in ((">=", job.begin), ("<", job.end))
        if moment
    ]
    for page in earth_engine.list_children(job.collection, " AND ".join(limits)):
        yield from page


def _job(name: str, told: DeriveConfig) -> Job:
    pad = timedelta(days=told.pad_days)
    moments = [
        datetime.combine(day, time(), UTC) if day else None for day in (told.begin, told.end)
    ]
    return Job(
        name=name,
        collection=_canonical(told.collection),
        into=candidates(told.into)[0],
        begin=moments[0] and moments[0] - pad,
        end=moments[1] and moments[1] + pad,
        region=_box(Path(told.region)) if told.region else None,
        result=told.name,
        grid_of=told.grid.partition(":")[2],
        pyramiding=told.pyramiding,
    )


def _canonical(given: str) -> str:
    name = public_name(given)
    return name if name.startswith("projects/earthengine-public/") else candidates(name)[0]


def _box(file: Path) -> Box:
    from geesync.domain.assets.footprint import box_of, outline

    try:
        told = documents.loads(file.read_text(encoding="utf-8"))
        found = [one.get("geometry", one) for one in told.get("features", [told])]
        box = box_of({"type": "GeometryCollection", "geometries": [outline(one) for one in found]})
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise UserError(f"{file} is no GeoJSON of a region", hint=str(error)) from error
    if box is None:
        raise UserError(f"{file} is no GeoJSON of a region")
    return box


def _tell(plan: _Plan, *, as_json: bool) -> None:
    if as_json:
        for one in plan.made:
            typer.echo(json_line({"source": one.source, "target": one.target, "is": "new"}))
        for name in plan.stale:
            typer.echo(json_line({"source": name, "is": "stale"}))
        for left in plan.skipped:
            typer.echo(json_line({"source": left.source, "is": "skipped", "why": left.why}))
        return
    out = output()
    out.print(f"{len(plan.made):,} new, {plan.there:,} there or on the way", markup=False)
    for why, count in Counter(one.why for one in plan.skipped).most_common():
        out.print(f"{count:,} skipped: {why}", markup=False)


def _look(mine: _Context, config: Config, job: str, action: Action, *, as_json: bool) -> None:
    from geesync.domain.derive.lifecycle import DerivedState
    from geesync.store.ledger.derivations import Derivations

    mine.existing_ledger()
    with opened(config) as database:
        store = Derivations(database)
        if action != Action.STATUS:
            change = store.retry if action == Action.RETRY else store.cancel
            output().print(f"{change(job, now()):,} results", markup=False)
        found = store.of(job)
    counts = Counter(one.standing.state for one in found)
    for one in found:
        if as_json:
            told = {"source": one.planned.source, "target": one.planned.target}
            state = {"state": one.standing.state, "reason": one.standing.reason or None}
            typer.echo(json_line(told | state))
        elif one.standing.state == DerivedState.QUARANTINED:
            target = display_id(one.planned.target)
            output().print(f"{target}  {one.standing.reason}", markup=False)
    if not as_json:
        told_counts = " · ".join(f"{count:,} {state}" for state, count in sorted(counts.items()))
        output().print(told_counts or "nothing was started", markup=False)
    done = counts[DerivedState.MADE] == len(found)
    raise typer.Exit(ExitCode.OK if done else ExitCode.INCOMPLETE)
