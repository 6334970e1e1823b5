"""``enqueue --dry-run``: what would be taken, what not and why, and what it would cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

import typer

from geesync.cli.context import json_line, output
from geesync.domain.assets.names import display_id
from geesync.domain.messages.words import counted, duration, size
from geesync.domain.mirror.planning import plan
from geesync.domain.tasks.estimate import Pace, pace_of
from geesync.errors import ExitCode, RemoteError

if TYPE_CHECKING:
    from geesync.adapters.google.earth_engine import EarthEngine
    from geesync.config import Config
    from geesync.domain.assets.asset import SourceAsset
    from geesync.domain.choices.options import Options
    from geesync.domain.json import Json
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
    parts: int
    why: str


@dataclass
class _Sums:
    """The lines of one kind, added up."""

    assets: int = 0
    size_bytes: int = 0
    parts: int = 0

    def add(self, line: _Line) -> None:
        self.assets += 1
        self.size_bytes += line.size_bytes
        self.parts += line.parts


@dataclass
class _Total:
    kinds: Counter[tuple[str, str]] = field(default_factory=Counter)
    sums: dict[str, _Sums] = field(default_factory=dict)

    def add(self, line: _Line) -> None:
        self.kinds[line.does, line.type] += 1
        self.sums.setdefault(line.does, _Sums()).add(line)

    @property
    def exports(self) -> int:
        return sum(one.parts for one in self.sums.values())


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
    pace = pace_of(precedents.ended_exports(config.ledger))
    with ThreadPoolExecutor(config.throttle.downloads) as pool:
        surveyor = Surveyor(earth_engine, pool)
        try:
            for root, options in roots.items():
                for page in surveyor.survey(root, options):
                    for line in _lines(config, page, options):
                        total.add(line)
                        _print(line, json=json)
        except RemoteError as error:
            _sum_up(total, pace, f"Earth Engine answers no more: {error}", json=json)
            raise
    unreadable = total.sums.get(_UNREADABLE, _Sums()).assets
    partial = unreadable and f"{counted(unreadable, 'line', 'lines')} above could not be read"
    _sum_up(total, pace, partial or "", json=json)
    if partial:
        raise typer.Exit(ExitCode.INCOMPLETE)


def _lines(config: Config, page: list[Surveyed], options: Options) -> Iterator[_Line]:
    from geesync.store.browsing import precedents

    here = precedents.verified_revisions(config.ledger, [one.source.name for one in page])
    for source, why, unreadable in ((one.source, one.excluded, one.unreadable) for one in page):
        if unreadable:
            yield _line(_UNREADABLE, source, 0, unreadable)
        elif not why and here.get(source.name) == source.revision:
            yield _line(_HERE, source, 0, "verified on disk")
        elif why:
            yield _line(_EXCLUDED, source, 0, why)
        else:
            planned = plan(source, options)
            partly = _PARTLY if planned.parts else _METADATA
            does = partly if planned.left else _TAKEN
            yield _line(does, source, len(planned.parts), "; ".join(planned.left))


def _line(does: str, source: SourceAsset, parts: int, why: str) -> _Line:
    return _Line(does, display_id(source.name), source.type, source.size_bytes, parts, why)


def _print(line: _Line, *, json: bool) -> None:
    if json:
        typer.echo(json_line(asdict(line)))
        return
    parts = f", {line.parts} exports" if line.parts > 1 else ""
    told = f"{line.does:<11}{line.asset}  {line.type}, {size(line.size_bytes)}{parts}"
    output().print(told + (f": {line.why}" if line.why else ""), markup=False)


def _sum_up(total: _Total, pace: Pace, partial: str, *, json: bool) -> None:
    """Print the sums; partial: why there may be more than that."""
    if json:
        typer.echo(json_line({"summary": _summary(total, pace) | {"partial": partial or None}}))
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
    hours = pace.eecu_hours_for(total.exports)
    compute = "compute not known yet" if hours is None else f"about {hours:,.1f} EECU-hours"
    basis = (
        f"as the last {counted(pace.measured, 'export')} of this ledger did"
        if pace.measured
        else "if two run at a time, eight minutes each (docs/earth-engine.md)"
    )
    say(
        f"{counted(total.exports, 'export')}: about {duration(pace.time_for(total.exports))},"
        f" {compute}, {basis}",
        markup=False,
    )
    if partial:
        say(f"partial: {partial}", markup=False)


def _summary(total: _Total, pace: Pace) -> Json:
    return {
        **{does: asdict(sums) for does, sums in total.sums.items()},
        "exports": total.exports,
        "estimated_s": pace.time_for(total.exports).total_seconds(),
        "estimated_eecu_hours": pace.eecu_hours_for(total.exports),
        "estimated_from_exports": pace.measured,
    }
