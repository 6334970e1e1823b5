"""``enqueue --dry-run``: what would be taken, what not and why, and what it would cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import typer

from geesync.cli.context import print_json, say
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
    from geesync.domain.choices.options import Options
    from geesync.domain.json import Json
    from geesync.sections import DirectConfig
    from geesync.steps.discovery.account import Surveyed

#: What does not let itself be read.
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
    """Some lines, added up."""

    assets: int = 0
    size_bytes: int = 0
    requests: int = 0
    answer_bytes: int = 0
    tasks: int = 0
    too_large: int = 0  #: assets of which no answer is small enough
    types: Counter[str] = field(default_factory=Counter)  #: of the assets

    def add(self, line: _Line) -> None:
        self.assets += 1
        self.types[line.type] += 1
        self.size_bytes += line.size_bytes
        self.requests += line.requests or 0
        self.answer_bytes += line.answer_bytes
        self.tasks += line.tasks
        self.too_large += line.requests is None


@dataclass
class _Total:
    """All lines, added up; how fast it goes, and what it costs."""

    pace: Pace  #: of exports
    answer: AnswerCost
    direct: DirectConfig
    requests_per_s: float
    by_fate: dict[str, _Sums] = field(default_factory=dict)
    by_way: dict[Way, _Sums] = field(default_factory=dict)
    all: _Sums = field(default_factory=_Sums)  #: what has files, as if all came by either way

    def add(self, line: _Line) -> None:
        self.by_fate.setdefault(line.does, _Sums()).add(line)
        if line.way is not None:
            self.by_way.setdefault(line.way, _Sums()).add(line)
            self.all.add(line)

    @property
    def requests(self) -> int:
        """Answers that would be asked for."""
        return self.by_way.get(Way.DIRECT, _Sums()).requests

    @property
    def exports(self) -> int:
        """Tasks that would be asked for."""
        return sum(sums.tasks for way, sums in self.by_way.items() if way != Way.DIRECT)

    @property
    def time(self) -> timedelta:
        """How long all takes: one way does not wait for the other."""
        return max(self.direct_time(self.requests), self.pace.time_for(self.exports))

    def direct_time(self, requests: int) -> timedelta:
        return time_for(requests, at_once=self.direct.at_once, requests_per_s=self.requests_per_s)


def dry_run(
    config: Config, earth_engine: EarthEngine, roots: dict[str, Options], *, json: bool
) -> None:
    """Print what mirroring these roots would do; write nothing, not even a ledger.

    roots: the options of each, by canonical name. Ends with the code of what is incomplete where
    something could not be read. Raises RemoteError, after the sums of what was seen, if Earth
    Engine answers no more.
    """
    from geesync.steps.discovery.account import survey
    from geesync.store.browsing import precedents

    pace = pace_of(precedents.ended_tasks(config.ledger))
    answer = precedents.cost_of_answers(config.ledger, config.direct.eecu_s_per_answer)
    total = _Total(pace, answer, config.direct, config.throttle.requests_per_s)
    with ThreadPoolExecutor(config.throttle.downloads) as pool:
        try:
            for root, options in roots.items():
                for page in survey(earth_engine, pool, root, options):
                    for line in _lines(config, page, options):
                        total.add(line)
                        _print(line, json=json)
        except RemoteError as error:
            _sum_up(total, f"Earth Engine answers no more: {error}", json=json)
            raise
    unreadable = total.by_fate.get(_UNREADABLE, _Sums()).assets
    partial = f"{counted(unreadable, 'line')} above could not be read" if unreadable else ""
    _sum_up(total, partial, json=json)
    if partial:
        raise typer.Exit(ExitCode.INCOMPLETE)


def _lines(config: Config, page: list[Surveyed], options: Options) -> Iterator[_Line]:
    from geesync.store.browsing import precedents

    means = Means(has_bucket=bool(config.bucket), most_answers=config.direct.most_answers)
    here = precedents.verified_revisions(config.ledger, [one.source.name for one in page])
    for one in page:
        source, costs = one.source, Costs(Plan(()), 0, 0, 0)
        if one.unreadable:
            does, why = _UNREADABLE, one.unreadable
        elif one.excluded:
            does, why = "exclude", one.excluded
        elif here.get(source.name) == source.revision:
            does, why = "here", "verified on disk"
        else:
            costs = costs_of(source, options, means)
            why = "; ".join(costs.chosen.left)
            partly = "partly" if costs.way else "metadata"
            does = partly if why else "take"
        yield _Line(
            does,
            display_id(source.name),
            source.type,
            source.size_bytes,
            costs.way,
            costs.requests,
            costs.answer_bytes,
            costs.tasks,
            why,
        )


def _print(line: _Line, *, json: bool) -> None:
    if json:
        print_json(asdict(line))
        return
    work = ""
    if line.way == Way.DIRECT:
        if line.requests is None:
            work = ", no answer is small enough"
        elif line.requests > 1:
            work = f", {counted(line.requests, 'answer')}"
    elif line.way:
        work = f", {counted(line.tasks, 'export')}"
    text = f"{line.does:<11}{line.asset}  {line.type}, {size(line.size_bytes)}{work}"
    say(text + (f": {line.why}" if line.why else ""))


def _sum_up(total: _Total, partial: str, *, json: bool) -> None:
    """Print the sums; partial: why there may be more than that."""
    if json:
        print_json({"summary": _summary(total) | {"partial": partial or None}})
        return
    say()
    for does, sums in total.by_fate.items():
        types = ", ".join(f"{count:,} {kind}" for kind, count in sorted(sums.types.items()))
        say(f"{does:<11}{counted(sums.assets, 'asset')}, {size(sums.size_bytes)}: {types}")
    say(f"all direct {_cost_of_reading(total)}")
    say(f"all bucket {cost_of_exports(total.all.tasks, total.pace)}")
    ways = sorted(total.by_way.items())
    chosen = ", ".join(f"{counted(sums.assets, 'asset')} {_BY[way]}" for way, sums in ways)
    say(f"so         {chosen or 'nothing to fetch'}: about {duration(total.time)}")
    if partial:
        say(f"partial: {partial}")


#: How an asset comes, after a number of them.
_BY = {Way.BUCKET: "by the bucket", Way.DIRECT: "directly", Way.DRIVE: "by Drive"}


def _cost_of_reading(total: _Total) -> str:
    work = total.all
    hours = total.answer.eecu_hours(work.requests)
    too_large = f"; {counted(work.too_large, 'asset')} too large" if work.too_large else ""
    return (
        f"{counted(work.requests, 'request')}, {size(work.answer_bytes)}:"
        f" about {duration(total.direct_time(work.requests))} if an answer takes {ANSWER_S:g} s,"
        f" an estimate of {hours:,.1f} EECU-hours ({total.answer}){too_large}"
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


def _summary(total: _Total) -> Json:
    pace, work = total.pace, total.all
    sums = {
        does: {"assets": sums.assets, "size_bytes": sums.size_bytes}
        for does, sums in total.by_fate.items()
    }
    return {
        **sums,
        "direct": {
            "requests": work.requests,
            "answer_bytes": work.answer_bytes,
            "too_large": work.too_large,
            "estimated_s": total.direct_time(work.requests).total_seconds(),
            "estimated_eecu_hours": total.answer.eecu_hours(work.requests),
            "estimated_from_answers": total.answer.measured,
        },
        "bucket": {
            "exports": work.tasks,
            "estimated_s": pace.time_for(work.tasks).total_seconds(),
            "estimated_eecu_hours": pace.eecu_hours_for(work.tasks),
            "estimated_from_exports": pace.measured,
        },
        "ways": {way: sums.assets for way, sums in total.by_way.items()},
        "requests": total.requests,
        "exports": total.exports,
        "estimated_s": total.time.total_seconds(),
    }
