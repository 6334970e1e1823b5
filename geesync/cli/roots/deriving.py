"""``derive``: a person's own function over a whole collection, one durable export an image."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from geesync.cli.completion import complete_jobs
from geesync.cli.context import Context, now, opened, print_json, say
from geesync.cli.roots.job_plan import (
    MIRROR,
    JobPlan,
    compare,
    function_of,
    job_of,
    require_container,
)
from geesync.cli.roots.watching import watch
from geesync.domain.assets.names import DERIVED, display_id, is_derived
from geesync.domain.derive.job import collection_of, described, mark_of
from geesync.domain.derive.lifecycle import DerivedState
from geesync.domain.messages.words import counted, duration
from geesync.domain.mirror.lifecycle import State
from geesync.errors import ExitCode, RemoteError, UnavailableError, UserError

if TYPE_CHECKING:
    from geesync.adapters.earth_engine.earth_engine import EarthEngine
    from geesync.adapters.storage.stores import Stores
    from geesync.cli.roots.job_plan import Result
    from geesync.config import Config
    from geesync.domain.assets.asset import SourceAsset
    from geesync.domain.derive.job import Job
    from geesync.domain.json import Json
    from geesync.sections import DeriveConfig
    from geesync.store.file.database import Database
    from geesync.store.ledger.ledger import LedgerAsset
    from geesync.store.making.derivations import Derivations, Derived


#: Questions at a time: what bands a result has, which only Earth Engine knows.
_AT_ONCE = 8

#: What is to be done with a job.
Action = Literal["plan", "start", "status", "retry", "cancel"]


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
        bool, typer.Option("--renew", help="Start: go on though the function is not what it was.")
    ] = False,
    only_new: Annotated[
        bool, typer.Option("--only-new", help="Start: only of images that are new, as the daemon.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON line for each image.")] = False,
) -> None:
    """Apply a function of one's own to each image of a collection, once, durably."""
    cli: Context = context.obj
    loaded = cli.load()
    config = loaded.config
    if job not in config.derive:
        known = ", ".join(config.derive) or "none"
        raise UserError(f"there is no job {job}", hint=f"[derive.…] has {known}")
    if action in {"plan", "start"}:
        beside = Path(loaded.file).parent if loaded.file else Path.cwd()
        start = action == "start"
        _plan(config, job, beside, start=start, renew=renew, only_new=only_new, as_json=json)
    else:
        _look(cli, config, job, action, as_json=json)


def _plan(
    config: Config,
    name: str,
    beside: Path,
    *,
    start: bool,
    renew: bool,
    only_new: bool,
    as_json: bool,
) -> None:
    from geesync.bootstrap import cloud
    from geesync.store.making.derivations import Derivations, Planned

    section = config.derive[name]
    function = function_of(name, section, beside)
    earth_engine, stores = cloud(config)
    job = job_of(name, section, earth_engine, beside)
    require_container(earth_engine, job.collection, may_miss=False)
    if not is_derived(job.into):
        require_container(earth_engine, job.into, may_miss=True)
    config.ledger.parent.mkdir(parents=True, exist_ok=True)
    with opened(config) as database:
        store = Derivations(database)
        known, absent = _known(store, earth_engine, job, only_new=only_new)
        known |= {asset.name: mark_of(source) for asset, source in _results(database, job.into)}
        plan = compare(job, section, earth_engine, function, known, absent.keys())
        _print_plan(plan, as_json=as_json)
        if plan.made and not as_json:
            say(_cost(config, section, len(plan.made)))
        if plan.stale and start and not renew:
            mend = "give the job another name" if is_derived(job.into) else "delete them there"
            hint = f"{mend}, or --renew to make the others"
            raise UserError(_stale(plan), hint=hint)
        if start and not is_derived(job.into):
            planned = (
                Planned(
                    *(name, result.source.name, result.source.revision, result.digest),
                    *(result.target, result.request, section.in_flight),
                )
                for result in plan.made
            )
            store.supersede(
                [absent[one.target] for one in plan.made if one.target in absent], now()
            )
            store.add(planned, now())
    if start and is_derived(job.into):
        with redirect_stdout(sys.stderr if as_json else sys.stdout):
            _bring_home(config, earth_engine, stores, job, plan.made)
    if start:
        what = f"{len(plan.made):,} to make; geesync derive status {name} says how far"
        say(what, beside_json=as_json)


def _known(
    store: Derivations, earth_engine: EarthEngine, job: Job, *, only_new: bool
) -> tuple[dict[str, tuple[str, str]], dict[str, Derived]]:
    """Return (what each result was made of, by its place; what can be made anew, likewise).

    Anew is made what was given up, or is not there any more, or yet; of that which is new nothing.
    """
    rows = store.of(job.name)
    absent: dict[str, Derived] = {}
    if rows and not only_new:
        rows = [one for one in rows if one.standing.state != DerivedState.CANCELLED]
        there = earth_engine.names_in(job.into)
        absent = {
            one.target: one
            for one in rows
            if one.target not in there and one.standing.state != DerivedState.EXPORTING
        }
    known = {
        one.target: (one.planned.revision, one.planned.expression)
        for one in rows
        if one.target not in absent or one.standing.state != DerivedState.MADE
    }
    return known, absent


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


def _print_plan(plan: JobPlan, *, as_json: bool) -> None:
    if as_json:
        for document in plan.documents():
            print_json(document)
        return
    say(f"{len(plan.made):,} new, {plan.there:,} there or on the way")
    if plan.stale:
        say(_stale(plan))
    if plan.changed:
        say(f"{len(plan.changed):,} results are of an image that has changed; they stay")
    if plan.vanished:
        what = "results are of images that the job does not find any more; they stay"
        say(f"{len(plan.vanished):,} {what}")
    for why, count in Counter(result.why for result in plan.skipped).most_common():
        say(f"{count:,} skipped: {why}")


def _stale(plan: JobPlan) -> str:
    return f"{len(plan.stale):,} results are of another function or grid than today's"


def _look(cli: Context, config: Config, job: str, action: Action, *, as_json: bool) -> None:
    with cli.database() as database:
        if config.derive[job].into == MIRROR:
            found = _at_home(database, f"{DERIVED}{job}", action, as_json=as_json)
        else:
            found = _at_earth_engine(database, job, action, as_json=as_json)
    for result in found:
        if as_json:
            print_json(result)
        elif result["state"] == DerivedState.QUARANTINED:
            say(f"{display_id(result['target'])}  {result['reason']}")
    counts = Counter(result["state"] for result in found)
    if not as_json:
        sums = " · ".join(f"{count:,} {state}" for state, count in sorted(counts.items()))
        say(sums or "nothing was started")
    done = counts[DerivedState.MADE] + counts[State.VERIFIED] == len(found)
    raise typer.Exit(ExitCode.OK if done else ExitCode.INCOMPLETE)


def _at_earth_engine(database: Database, job: str, action: Action, *, as_json: bool) -> list[Json]:
    from geesync.store.making.derivations import Derivations

    store = Derivations(database)
    if action != "status":
        change = store.retry if action == "retry" else store.cancel
        say(f"{change(job, now()):,} results", beside_json=as_json)
    return [
        _progress(result.planned.source, result.planned.target, result.standing)
        for result in store.of(job)
    ]


def _at_home(database: Database, root: str, action: Action, *, as_json: bool) -> list[Json]:
    from geesync.store.ledger.steering import Steering

    steering = Steering(database)
    if action == "retry":
        say(f"{steering.retry(now(), names=[root]):,} results", beside_json=as_json)
    elif action == "cancel":
        say(f"{steering.cancel(root, now()):,} results", beside_json=as_json)
    return [
        _progress(str((source.derived or {}).get("source")), asset.name, asset.standing)
        for asset, source in _results(database, root)
    ]


def _results(database: Database, root: str) -> list[tuple[LedgerAsset, SourceAsset]]:
    """Return the results of a job that the ledger knows, each with its description."""
    from geesync.store.ledger.ledger import Ledger
    from geesync.store.ledger.roots import Roots

    found = Roots(database).find(root)
    ledger = Ledger(database)
    assets = ledger.images_of(found.id) if found else []
    sources = ledger.sources_of(assets)
    return [(asset, sources[asset.id]) for asset in assets]


def _bring_home(
    config: Config, earth_engine: EarthEngine, stores: Stores, job: Job, made: Sequence[Result]
) -> None:
    """Have the daemon bring new results home. Raises UserError if Earth Engine does not answer."""
    from geesync.store.ledger.listing import Listing
    from geesync.store.ledger.roots import Roots

    def describe(one: Result) -> SourceAsset:
        computed = earth_engine.compute(one.request["expression"])
        return described(one.target, one.source, computed, one.request["grid"], one.own)

    try:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = [collection_of(job.into), *pool.map(describe, made)]
    except RemoteError as error:
        kind = UnavailableError if error.costs_time_only else UserError
        raise kind(f"a result cannot be computed: {error}") from None
    chosen = config.chosen({"way": config.derive[job.name].way})
    watch(config, stores, [job.into], chosen)
    with opened(config) as database:
        roots = Roots(database)
        root = roots.find(job.into)
        assert root is not None  # it was just written
        Listing(database).observe(root.id, found, now())
        roots.update(root.id, scanned_at=now())
        roots.asked(now())


def _progress(source: str, target: str, standing: Any) -> Json:
    """Return how far a result is."""
    how = {"state": str(standing.state), "reason": standing.reason or None}
    return {"source": source, "target": target, **how}
