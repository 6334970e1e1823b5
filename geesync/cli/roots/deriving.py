"""``derive``: a person's own function over a whole collection, one durable export an image."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geesync.cli.completion import complete_jobs
from geesync.cli.context import Context, json_line, now, opened, output
from geesync.cli.roots import deriving_home
from geesync.cli.roots.job_plan import MIRROR, JobPlan, compare, function_of, job_of
from geesync.domain.assets.names import DERIVED, display_id, is_derived
from geesync.domain.derive.lifecycle import DerivedState
from geesync.domain.messages.words import counted, duration
from geesync.domain.mirror.lifecycle import State
from geesync.errors import ExitCode, UserError

if TYPE_CHECKING:
    from geesync.cli.roots.job_plan import Result
    from geesync.config import Config
    from geesync.domain.derive.job import Job
    from geesync.sections import DeriveConfig
    from geesync.store.file.database import Database
    from geesync.store.making.derivations import Planned


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
    job: Annotated[
        str,
        typer.Argument(
            help="A table [derive.JOB] of the configuration.", autocompletion=complete_jobs
        ),
    ],
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


def _plan(
    config: Config, name: str, beside: Path, *, start: bool, renew: bool, as_json: bool
) -> None:
    from geesync.bootstrap import cloud
    from geesync.store.making.derivations import Derivations

    section = config.derive[name]
    function = function_of(name, section, beside)
    earth_engine, stores = cloud(config)
    job = job_of(name, section, earth_engine, beside)
    config.ledger.parent.mkdir(parents=True, exist_ok=True)
    with opened(config) as database:
        store = Derivations(database)
        known = {
            result.planned.target: (result.planned.revision, result.planned.expression)
            for result in store.of(name)
        } | deriving_home.known(database, job.into)
        plan = compare(job, section, earth_engine, function, known)
        _print_plan(plan, as_json=as_json)
        if plan.made and not as_json:
            output().print(_cost(config, section, len(plan.made)), markup=False)
        if plan.stale and not renew:
            what = f"{len(plan.stale):,} results are of another function than today's"
            if start:
                raise UserError(what, hint="delete them there, or --renew to make the others")
            output().print(what, markup=False)
        if start and not is_derived(job.into):
            store.add((_planned(job, section, result) for result in plan.made), now())
    if start and is_derived(job.into):
        deriving_home.start(config, earth_engine, stores, job, plan.made)
    if start:
        output().print(
            f"{len(plan.made):,} to make; geesync derive status {name} says how far", markup=False
        )


def _cost(config: Config, section: DeriveConfig, count: int) -> str:
    """Return how long so many results take, and what they cost, about."""
    from geesync.cli.roots.dry_run import cost_of_exports
    from geesync.domain.direct.costs import time_for
    from geesync.domain.tasks.estimate import pace_of
    from geesync.store.browsing import precedents

    if section.into == MIRROR and section.way in {"auto", "direct"}:
        rate, at_once = config.throttle.requests_per_s, config.direct.at_once
        took = duration(time_for(count, at_once=at_once, requests_per_s=rate))
        cost = precedents.cost_of_answers(config.ledger, config.direct.eecu_s_per_answer)
        answers, hours = counted(count, "answer"), f"{cost.eecu_hours(count):,.2f} EECU-hours"
        return f"{answers} or more, read directly: {took} or more, about {hours} ({cost})"
    return cost_of_exports(count, pace_of(precedents.ended_tasks(config.ledger)))


def _planned(job: Job, section: DeriveConfig, one: Result) -> Planned:
    from geesync.store.making.derivations import Planned

    source = one.source
    return Planned(
        *(job.name, source.name, source.revision, one.digest, one.target, one.request),
        section.in_flight,
    )


def _print_plan(plan: JobPlan, *, as_json: bool) -> None:
    if as_json:
        for result in plan.made:
            typer.echo(
                json_line({"source": result.source.name, "target": result.target, "is": "new"})
            )
        for name in plan.stale:
            typer.echo(json_line({"source": name, "is": "stale"}))
        for target in plan.vanished:
            typer.echo(json_line({"target": target, "is": "vanished"}))
        for left in plan.skipped:
            typer.echo(json_line({"source": left.source, "is": "skipped", "why": left.why}))
        return
    out = output()
    out.print(f"{len(plan.made):,} new, {plan.there:,} there or on the way", markup=False)
    if plan.vanished:
        what = "results are of images that the job does not find any more; they stay"
        out.print(f"{len(plan.vanished):,} {what}", markup=False)
    for why, count in Counter(result.why for result in plan.skipped).most_common():
        out.print(f"{count:,} skipped: {why}", markup=False)


def _look(mine: Context, config: Config, job: str, action: Action, *, as_json: bool) -> None:
    mine.existing_ledger()
    with opened(config) as database:
        if config.derive[job].into == MIRROR:
            found = _at_home(database, f"{DERIVED}{job}", action)
        else:
            found = _at_earth_engine(database, job, action)
    for result in found:
        if as_json:
            typer.echo(json_line(vars(result)))
        elif result.state == DerivedState.QUARANTINED:
            output().print(f"{display_id(result.target)}  {result.reason}", markup=False)
    counts = Counter(result.state for result in found)
    if not as_json:
        told_counts = " · ".join(f"{count:,} {state}" for state, count in sorted(counts.items()))
        output().print(told_counts or "nothing was started", markup=False)
    done = counts[DerivedState.MADE] + counts[State.VERIFIED] == len(found)
    raise typer.Exit(ExitCode.OK if done else ExitCode.INCOMPLETE)


@dataclass(frozen=True)
class _Progress:
    """How far a result is."""

    source: str
    target: str
    state: str
    reason: str | None


def _at_earth_engine(database: Database, job: str, action: Action) -> list[_Progress]:
    from geesync.store.making.derivations import Derivations

    store = Derivations(database)
    if action != Action.STATUS:
        change = store.retry if action == Action.RETRY else store.cancel
        output().print(f"{change(job, now()):,} results", markup=False)
    return [
        _Progress(*(result.planned.source, result.planned.target), *_standing(result.standing))
        for result in store.of(job)
    ]


def _at_home(database: Database, root: str, action: Action) -> list[_Progress]:
    from geesync.store.ledger.steering import Steering

    steering = Steering(database)
    if action == Action.RETRY:
        output().print(f"{steering.retry(now(), names=[root]):,} results", markup=False)
    if action == Action.CANCEL:
        output().print(f"{steering.cancel(root, now()):,} results", markup=False)
    return [
        _Progress(str((source.derived or {}).get("source")), asset.name, *_standing(asset.standing))
        for asset, source in deriving_home.results(database, root)
    ]


def _standing(standing: Any) -> tuple[str, str | None]:
    return str(standing.state), standing.reason or None
