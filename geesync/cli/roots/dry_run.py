"""``enqueue --dry-run``: what would be taken, what not and why, and what it would cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import typer

from geesync.cli.context import json_line, output
from geesync.domain.assets.names import display_id
from geesync.domain.direct.choice import Means
from geesync.domain.direct.costs import ANSWER_S, AnswerCost, Costs, costs_of, time_for
from geesync.domain.messages.words import counted, duration, size
from geesync.domain.mirror.plan import Plan
from geesync.domain.tasks.estimate import Pace, pace_of
from geesync.domain.tasks.exports import Way
from geesync.errors import ExitCode, RemoteError

if TYPE_CHECKING:
    from geesync.adapters.earth_engine.earth_engine import EarthEngine
    from geesync.config import Config
    from geesync.domain.assets.asset import SourceAsset
    from geesync.domain.choices.options import Options
    from geesync.domain.json import Json
    from geesync.sections import DirectConfig
    from geesync.steps.discovery.account import Surveyed

#: What becomes of an asset.
_TAKEN, _PARTLY, _METADATA, _EXCLUDED, _HERE = "take", "partly", "metadata", "exclude", "here"
_UNREADABLE = "unreadable"


@dataclass(frozen=True)
class _Line:
    """What would become of one asset."""

    does: str
    asset: str
    type: str
    size_bytes: int
    way: Way | None  #: by which it would come; None if it has no files
    requests: int | None  #: to read it directly; None if no answer is small enough
    answer_bytes: int
    tasks: int  #: to bring it by a bucket
    why: str


@dataclass
class _Sums:
    """The lines of one kind, added up."""

    assets: int = 0
    size_bytes: int = 0

    def add(self, line: _Line) -> None:
        self.assets += 1
        self.size_bytes += line.size_bytes


@dataclass
class _Work:
    """What there would be to ask for."""

    requests: int = 0
    answer_bytes: int = 0
    tasks: int = 0
    too_large: int = 0  #: assets of which no answer is small enough

    def add(self, line: _Line) -> None:
        self.requests += line.requests or 0
        self.answer_bytes += line.answer_bytes
        self.tasks += line.tasks
        self.too_large += line.requests is None


@dataclass
class _Total:
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)
    sums: dict[str, _Sums] = field(default_factory=dict)
    all: _Work = field(default_factory=_Work)  #: as if all came by either way
    by_way: dict[Way, _Work] = field(default_factory=dict)  #: as it would come
    assets_by_way: Counter[Way] = field(default_factory=Counter)

    def add(self, line: _Line) -> None:
        self.kinds[line.does, line.type] += 1
        self.sums.setdefault(line.does, _Sums()).add(line)
        if line.way is not None:
            self.all.add(line)
            self.assets_by_way[line.way] += 1
            self.by_way.setdefault(line.way, _Work()).add(line)

    @property
    def requests(self) -> int:
        """Answers that would be asked for."""
        return self.by_way.get(Way.DIRECT, _Work()).requests

    @property
    def exports(self) -> int:
        """Tasks that would be asked for."""
        return sum(work.tasks for way, work in self.by_way.items() if way != Way.DIRECT)


@dataclass(frozen=True)
class _Rates:
    """How fast it goes, and what it costs."""

    exports: Pace
    direct: DirectConfig
    requests_per_s: float
    answer: AnswerCost

    def direct_s(self, requests: int) -> timedelta:
        return time_for(requests, at_once=self.direct.at_once, requests_per_s=self.requests_per_s)

    def time_for(self, total: _Total) -> timedelta:
        """Return how long all takes: one way does not wait for the other."""
        return max(self.direct_s(total.requests), self.exports.time_for(total.exports))


def dry_run(
    config: Config,
    earth_engine: EarthEngine,
    roots: dict[str, Options],
    *,
    json: bool,
) -> None:
    """Print what mirroring these roots would do; write nothing, not even a ledger.

    roots: the options of each, by canonical name. Ends with the code of what is incomplete where
    something could not be read. Raises RemoteError, after the sums of what was seen, if Earth
    Engine answers no more.
    """
    from geesync.steps.discovery.surveyor import Surveyor
    from geesync.store.browsing import precedents

    total = _Total()
    ended = pace_of(precedents.ended_tasks(config.ledger))
    cost = precedents.cost_of_answers(config.ledger, config.direct.eecu_s_per_answer)
    rates = _Rates(ended, config.direct, config.throttle.requests_per_s, cost)
    with ThreadPoolExecutor(config.throttle.downloads) as pool:
        surveyor = Surveyor(earth_engine, pool)
        try:
            for root, options in roots.items():
                for page in surveyor.survey(root, options):
                    for line in _lines(config, page, options):
                        total.add(line)
                        _print(line, json=json)
        except RemoteError as error:
            _sum_up(total, rates, f"Earth Engine answers no more: {error}", json=json)
            raise
    unreadable = total.sums.get(_UNREADABLE, _Sums()).assets
    partial = unreadable and f"{counted(unreadable, 'line', 'lines')} above could not be read"
    _sum_up(total, rates, partial or "", json=json)
    if partial:
        raise typer.Exit(ExitCode.INCOMPLETE)


def _lines(config: Config, page: list[Surveyed], options: Options) -> Iterator[_Line]:
    from geesync.store.browsing import precedents

    means = Means(has_bucket=bool(config.bucket), most_answers=config.direct.most_answers)
    nothing = Costs(Plan(()), 0, 0, 0)
    here = precedents.verified_revisions(config.ledger, [one.source.name for one in page])
    for source, why, unreadable in ((one.source, one.excluded, one.unreadable) for one in page):
        if unreadable:
            yield _line(_UNREADABLE, source, nothing, unreadable)
        elif not why and here.get(source.name) == source.revision:
            yield _line(_HERE, source, nothing, "verified on disk")
        elif why:
            yield _line(_EXCLUDED, source, nothing, why)
        else:
            costs = costs_of(source, options, means)
            partly = _PARTLY if costs.way else _METADATA
            does = partly if costs.chosen.left else _TAKEN
            yield _line(does, source, costs, "; ".join(costs.chosen.left))


def _line(does: str, source: SourceAsset, costs: Costs, why: str) -> _Line:
    return _Line(
        does,
        display_id(source.name),
        source.type,
        source.size_bytes,
        way=costs.way,
        requests=costs.requests,
        answer_bytes=costs.answer_bytes,
        tasks=costs.tasks,
        why=why,
    )


def _print(line: _Line, *, json: bool) -> None:
    if json:
        typer.echo(json_line(asdict(line)))
        return
    work = ""
    if line.way == Way.DIRECT:
        work = ", no answer is small enough" if line.requests is None else _answers(line.requests)
    elif line.way:
        work = f", {counted(line.tasks, 'export')}"
    text = f"{line.does:<11}{line.asset}  {line.type}, {size(line.size_bytes)}{work}"
    output().print(text + (f": {line.why}" if line.why else ""), markup=False)


def _answers(requests: int) -> str:
    return f", {counted(requests, 'answer')}" if requests > 1 else ""


def _sum_up(total: _Total, rates: _Rates, partial: str, *, json: bool) -> None:
    """Print the sums; partial: why there may be more than that."""
    if json:
        typer.echo(json_line({"summary": _summary(total, rates) | {"partial": partial or None}}))
        return
    say = output().print
    say("")
    for does, sums in total.sums.items():
        kinds = ", ".join(
            f"{count:,} {kind}"
            for (what, kind), count in sorted(total.kinds.items())
            if what == does
        )
        assets = counted(sums.assets, "asset")
        say(f"{does:<11}{assets}, {size(sums.size_bytes)}: {kinds}", markup=False)
    say(f"all direct {_cost_of_reading(total.all, rates)}", markup=False)
    say(f"all bucket {cost_of_exports(total.all.tasks, rates.exports)}", markup=False)
    ways = sorted(total.assets_by_way.items())
    chosen = ", ".join(f"{counted(count, 'asset')} {_BY[way]}" for way, count in ways)
    time = duration(rates.time_for(total))
    say(f"so         {chosen or 'nothing to fetch'}: about {time}", markup=False)
    if partial:
        say(f"partial: {partial}", markup=False)


#: How an asset comes, after a number of them.
_BY = {Way.BUCKET: "by the bucket", Way.DIRECT: "directly", Way.DRIVE: "by Drive"}


def _cost_of_reading(work: _Work, rates: _Rates) -> str:
    hours = rates.answer.eecu_hours(work.requests)
    too_large = f"; {counted(work.too_large, 'asset')} too large" if work.too_large else ""
    return (
        f"{counted(work.requests, 'request')}, {size(work.answer_bytes)}:"
        f" about {duration(rates.direct_s(work.requests))} if an answer takes {ANSWER_S:g} s,"
        f" an estimate of {hours:,.1f} EECU-hours ({rates.answer}){too_large}"
    )


def cost_of_exports(tasks: int, pace: Pace) -> str:
    """Return how long so many exports take, and what they cost, about."""
    hours = pace.eecu_hours_for(tasks)
    compute = "compute not known yet" if hours is None else f"about {hours:,.1f} EECU-hours"
    basis = (
        f"as the last {counted(pace.measured, 'export')} of this ledger did"
        if pace.measured
        else "if two run at a time, eight minutes each (docs/earth-engine.md)"
    )
    return f"{counted(tasks, 'export')}: about {duration(pace.time_for(tasks))}, {compute}, {basis}"


def _summary(total: _Total, rates: _Rates) -> Json:
    pace, work = rates.exports, total.all
    return {
        **{does: asdict(sums) for does, sums in total.sums.items()},
        "direct": {
            "requests": work.requests,
            "answer_bytes": work.answer_bytes,
            "too_large": work.too_large,
            "estimated_s": rates.direct_s(work.requests).total_seconds(),
            "estimated_eecu_hours": rates.answer.eecu_hours(work.requests),
            "estimated_from_answers": rates.answer.measured,
        },
        "bucket": {
            "exports": work.tasks,
            "estimated_s": pace.time_for(work.tasks).total_seconds(),
            "estimated_eecu_hours": pace.eecu_hours_for(work.tasks),
            "estimated_from_exports": pace.measured,
        },
        "ways": total.assets_by_way,
        "requests": total.requests,
        "exports": total.exports,
        "estimated_s": rates.time_for(total).total_seconds(),
    }
