"""``check``: is what lies on disk what the ledger says?"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from typer.core import TyperCommand

from geesync.cli.completion import root_argument
from geesync.cli.context import Context, asset_named, errors, now
from geesync.domain.mirror.checking import Verdict
from geesync.errors import ExitCode, UserError

if TYPE_CHECKING:
    from geesync.checks.checker import CheckedCopy, Checker
    from geesync.checks.comparer import Difference
    from geesync.cli.upkeep.check_report import Report
    from geesync.config import Config
    from geesync.store.copies.checks import Scope
    from geesync.store.file.database import Database

Found = TypeVar("Found")

#: What is read again if neither the command nor the configuration says how much.
_REREAD = 0.05

#: A share, as a person says it.
_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*%|all")


_READ_PIXELS = "--read-pixels"


class Command(TyperCommand):
    """The command, with one option that may have no value."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Insert an empty value where none is given."""
        arguments = [*args, ""]
        for place, one in enumerate(args):
            if one == _READ_PIXELS and not _SHARE.fullmatch(arguments[place + 1]):
                args = [*args[:place], f"{_READ_PIXELS}=", *args[place + 1 :]]
        return super().parse_args(ctx, args)


_What = Annotated[
    str | None,
    root_argument(
        "[ROOT|ASSET|PATH]", "Only this, with all that lies below it; else all that is watched."
    ),
]
_ReadData = Annotated[
    bool, typer.Option("--read-data", help="Read every byte; goes on where a run was stopped.")
]
_Subset = Annotated[
    str | None,
    typer.Option(
        "--read-data-subset",
        metavar="5%",
        help="Read this share of the assets: those whose last reading is oldest.",
    ),
]
_AgainstEarthEngine = Annotated[
    bool,
    typer.Option("--against-earth-engine", help="Compare also with what Earth Engine lists now."),
]
_ReadPixels = Annotated[
    str | None,
    typer.Option(
        _READ_PIXELS,
        metavar="[5%|all]",
        help="With it: read so much of each image again; direct.reread if it is not said.",
    ),
]
_MaxDuration = Annotated[
    str | None, typer.Option(metavar="2h", help="Stop after this time, even if not done.")
]
_Combined = Annotated[
    Path | None, typer.Option(help="Write a line an asset there: = - + * ! and its id.")
]
_Lists = Annotated[
    Path | None,
    typer.Option(metavar="DIR", help="Write validImages.txt, invalidImages.txt, … there."),
]
_Repair = Annotated[
    bool, typer.Option("--repair", help="Move bad files aside and have them fetched again.")
]
_Json = Annotated[bool, typer.Option("--json", help="A JSON line for each flaw.")]


def check(
    context: typer.Context,
    what: _What = None,
    read_data: _ReadData = False,
    subset: _Subset = None,
    against_earth_engine: _AgainstEarthEngine = False,
    read_pixels: _ReadPixels = None,
    max_duration: _MaxDuration = None,
    combined: _Combined = None,
    lists: _Lists = None,
    repair: _Repair = False,
    json: _Json = False,
) -> None:
    """Compare the mirror with the ledger: = sound, - missing, + unknown, * differs, ! error.

    Presence and sizes, unless told to read. Exit code 1 if not all is sound: docs/check.md.
    """
    from geesync.bootstrap import checker
    from geesync.checks.repair import Repair
    from geesync.cli.upkeep.check_report import Lists, Report

    cli: Context = context.obj
    ledger = cli.existing_ledger()
    config = cli.config()
    deadline = time.monotonic() + _seconds(max_duration)
    share = None if subset is None else share_of(subset)
    if read_pixels is not None and not against_earth_engine:
        raise UserError(f"{_READ_PIXELS} goes with --against-earth-engine")
    pixels = _pixels(config, read_pixels)
    with cli.database() as database, checker(config, database) as built, ExitStack() as files:
        scope, mend = _scope(built, ledger, what), Repair(built.checks, built.context.clock)
        report = Report(Lists(files, combined, lists), json)
        if against_earth_engine:
            for found, is_read in _timed(
                _differences(config, database, scope, pixels), deadline, report
            ):
                report.add_difference(found)
                report.images_read += is_read
        findings = _findings(built, scope, read_data=read_data, share=share)
        total = built.checks.count(scope)
        for finding in _timed(_watched("checking", findings, total), deadline, report):
            report.add(
                *(finding.verdict, finding.asset.name, finding.asset.type),
                [str(flaw) for flaw in finding.flaws],
                is_metadata_only=finding.is_metadata_only,
                repair=mend.repair(finding) if repair and finding.flaws else "",
            )
        if read_data and not report.is_stopped:
            built.finish(scope)
        _add_unchecked(built, scope, report, unreadable=not against_earth_engine)
        _check_folders(built, scope, report, read_data=read_data, repair=repair)
        if repair:
            built.roots.asked(now())
    report.sum_up()
    if not report.is_sound:
        raise typer.Exit(ExitCode.INCOMPLETE)


def _pixels(config: Config, share: str | None) -> float:
    """Return which share of the pixels is compared; 0 if it is not asked for."""
    if share is None:
        return 0.0
    return share_of(share) if share else config.direct.reread or _REREAD


def _differences(
    config: Config, database: Database, scope: Scope, share: float
) -> Iterator[tuple[Difference | None, bool]]:
    """Yield how assets differ from Earth Engine's, and whether pixels were read for it.

    share: of the pixels, none is none. Of what is the same there is None, or a sound one.
    """
    from geesync.bootstrap import comparer, pixel_comparer

    with comparer(config, database) as upstream:
        yield from ((found, False) for found in upstream.differences(scope))
    if share:
        images = pixel_comparer(config, database, share, now())
        total = images.checks.count(scope)
        for found in _watched("reading pixels", images.differences(scope), total):
            yield found, found is not None and found.verdict != Verdict.ERROR


def _findings(
    built: Checker, scope: Scope, *, read_data: bool, share: float | None
) -> Iterator[CheckedCopy]:
    if share is not None:
        wanted = math.ceil(built.checks.count(scope) * share)
        for count, finding in enumerate(built.data(scope, since=now(), guarded=False), 1):
            yield finding
            if count >= wanted:
                return
    elif read_data:
        yield from built.data(scope, since=built.begin(scope))
    else:
        yield from built.sizes(scope)


def _watched(what: str, findings: Iterator[Found], total: int) -> Iterator[Found]:
    """Show progress on a terminal."""
    console = errors()
    if not console.is_terminal:
        yield from findings
        return
    from rich.progress import track

    yield from track(findings, what, total=total, console=console, transient=True)


def _timed(findings: Iterator[Found], deadline: float, report: Report) -> Iterator[Found]:
    for finding in findings:
        yield finding
        if time.monotonic() >= deadline:
            report.is_stopped = True
            return


def _add_unchecked(built: Checker, scope: Scope, report: Report, *, unreadable: bool) -> None:
    """Add what is not on disk yet; and what the last scan could not read, if nobody asked anew."""
    for name, kind, why in built.checks.unreadable(scope) if unreadable else ():
        report.add(Verdict.ERROR, name, kind, [f"not readable at the last scan: {why}"])
    for name, kind, state in built.checks.pending(scope):
        report.add_pending(name, kind, state)


def _check_folders(
    built: Checker, scope: Scope, report: Report, *, read_data: bool, repair: bool
) -> None:
    """Add paths that are no asset's, and flaws of the first documents of catalogues."""
    for dest, path in built.checks.folders(scope):
        for unknown in built.unknown(Path(dest), path):
            report.add(Verdict.UNKNOWN, unknown, "", ["not in the ledger"])
        flaw = None if path else built.top(dest, read_data=read_data)
        if flaw:
            if repair:
                built.checks.have_top_written(dest)
            report.add_top(f"{dest}/{flaw.file}", flaw, "written anew" if repair else "")


def _scope(built: Checker, ledger: Path, what: str | None) -> Scope:
    """Return what was named: an asset by its id, name or link, or by its folder on disk."""
    from geesync.store.copies.checks import Scope

    if what is None:
        return Scope()
    if Path(what).exists():
        return Scope(_asset_at(built, Path(what).resolve()))
    return Scope(asset_named(ledger, what))


def _asset_at(built: Checker, path: Path) -> str | None:
    """Return the name of the asset whose folder this is, or in whose folder it lies."""
    folder = path if path.is_dir() else path.parent
    for dest in built.checks.mirrors():
        if folder == Path(dest):
            return None
        if folder.is_relative_to(dest):
            relative = str(folder.relative_to(dest))
            if found := built.checks.paths(dest, [relative]):
                return found[relative].name
    raise UserError(f"{path} is no asset's folder", hint="name one in a mirror, or an asset")


def share_of(text: str) -> float:
    """Return a share, 0 to 1, as a person says it: 5%, or all. Raises UserError."""
    found = _SHARE.fullmatch(text.strip())
    per_cent = float(found[1] or 100) if found else 0
    if not 0 < per_cent <= 100:  # noqa: PLR2004 # per cent
        raise UserError(f"{text!r} is no share", hint="give a percentage, e.g. 5%")
    return per_cent / 100


def _seconds(text: str | None) -> float:
    from pydantic import TypeAdapter, ValidationError

    from geesync.domain.choices.values import Duration

    if text is None:
        return math.inf
    try:
        return TypeAdapter(Duration).validate_python(text).total_seconds()
    except ValidationError:
        raise UserError(f"{text!r} is no time", hint="give one such as 90s, 30m or 2h") from None
