"""``series``: an index of a mirrored collection over time, fitted, written and plotted."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geesync.cli.context import Context, errors, say
from geesync.domain.messages.words import counted
from geesync.errors import MirrorError, UserError

if TYPE_CHECKING:
    from geesync.series.regression import Series

#: As many waves a year as observations carry, up to this many.
_HARMONICS = "3,2,1"


def series(
    context: typer.Context,
    collection: Annotated[str, typer.Argument(help="A mirrored image collection.")],
    index: Annotated[
        str, typer.Option(help="ndvi, evi, ndwi, …, or a formula of bands.", metavar="INDEX")
    ] = "ndvi",
    band: Annotated[
        list[str] | None,
        typer.Option(help="Which band is red, nir, …, where it is not usual.", metavar="ROLE=BAND"),
    ] = None,
    begin: Annotated[
        datetime | None, typer.Option("--from", metavar="DATE", help="The first day.")
    ] = None,
    end: Annotated[
        datetime | None, typer.Option("--to", metavar="DATE", help="The day after the last.")
    ] = None,
    clouds: Annotated[
        str,
        typer.Option(
            help="Mirrored masks of the same times; where they are not 0 is cloud.",
            metavar="COLLECTION[:BAND]",
        ),
    ] = "",
    harmonics: Annotated[
        str, typer.Option(help="Waves a year to fit, the preferred number first.", metavar="N,…")
    ] = _HARMONICS,
    observations: Annotated[
        float, typer.Option(help="Observations that each coefficient of a fit must have.", min=0)
    ] = 3.0,
    crs: Annotated[str, typer.Option(help="Another CRS than the images'.")] = "",
    resolution: Annotated[
        float | None, typer.Option(help="Pixel edge in units of that CRS.", min=0)
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write the results of all pixels into this folder."),
    ] = None,
    write: Annotated[
        str, typer.Option(help="Which results: filled, fitted, coefficients, amplitude, …")
    ] = "all",
    point: Annotated[
        list[str] | None, typer.Option(help="Plot the pixel at a place.", metavar="LON,LAT")
    ] = None,
    polygons: Annotated[
        Path | None, typer.Option(help="Plot the means of a GeoJSON file's polygons.")
    ] = None,
    plot: Annotated[
        Path, typer.Option(help="Where to plot: a .png, an .svg or an .html file.")
    ] = Path("series.png"),
    threads: Annotated[int, typer.Option(help="Blocks of pixels at a time.", min=1)] = 2,
    mirror: Annotated[Path | None, typer.Option(help="The mirror, if not the configured.")] = None,
) -> None:
    """Fit the seasons of an index to each pixel of a mirrored collection; no ledger is needed."""
    _require_libraries()
    from geesync.series.harmonics import Model
    from geesync.series.mirror import open_mirror
    from geesync.series.regression import series_of

    if folder is None and not point and polygons is None:
        raise UserError("there is nothing to do", hint="give --output, --point or --polygons")
    grid = _grid(crs, resolution)
    cli: Context = context.obj
    source = open_mirror(mirror or cli.config().need("mirror"))
    model, roles = Model(_numbers(harmonics), observations), _roles(band or [])
    grid |= {"begin": _utc(begin), "end": _utc(end)}
    chosen = series_of(source, collection, model, of=index, roles=roles, clouds=clouds, **grid)
    if chosen.undated:
        say(f"{counted(chosen.undated, 'image')} without a time: left out")
    if point or polygons is not None:
        _plot(chosen, plot, point or [], polygons, title=f"{chosen.index.name} of {collection}")
    if folder is not None:
        asked = {"harmonics": harmonics, "observations": observations, "clouds": clouds}
        asked |= {"collection": collection, "index": index, "bands": band or []}
        _write(chosen, folder, write, asked | {key: str(of) for key, of in grid.items()}, threads)


def _require_libraries() -> None:
    try:
        import matplotlib as mpl  # noqa: F401 # only whether it is there
        import odc.stac  # noqa: F401 # likewise
    except ImportError as error:
        raise UserError(
            f"{error.name} is not installed", hint="pip install 'geesync[series]'"
        ) from error


def _grid(crs: str, resolution: float | None) -> dict[str, Any]:
    """Return the grid that is asked for, empty for the images' own. Raises UserError for none."""
    from odc.geo.crs import CRS
    from pyproj.exceptions import CRSError

    if not crs and not resolution:
        return {}
    if not crs or not resolution:
        raise UserError("--crs and --resolution go together, and no pixel has an edge of 0")
    try:
        CRS(crs)
    except CRSError as error:
        raise UserError(f"{crs!r} is no CRS", hint="as EPSG:3035, or WKT") from error
    return {"crs": crs, "resolution": resolution}


def _roles(given: list[str]) -> dict[str, str]:
    roles = dict(text.partition("=")[::2] for text in given)
    if not all(roles.values()):
        raise UserError(f"{', '.join(given)}: which band has which role?", hint="--band red=B4")
    return roles


def _utc(time: datetime | None) -> datetime | None:
    return time.replace(tzinfo=UTC) if time and time.tzinfo is None else time


def _numbers(given: str) -> tuple[int, ...]:
    try:
        numbers = tuple(int(number) for number in given.split(","))
    except ValueError:
        numbers = ()
    if not numbers or not all(0 <= number <= _MOST_WAVES for number in numbers):
        raise UserError(f"{given!r} are no numbers of waves", hint=f"as {_HARMONICS} or 10,5,1")
    return numbers


_MOST_WAVES = 30


def _plot(
    series: Series, target: Path, given: list[str], polygons: Path | None, *, title: str
) -> None:
    from geesync.series import plots
    from geesync.series.harmonics import NO_FIT

    kind = target.suffix.lower().removeprefix(".")
    if kind not in {"png", "svg", "html"}:
        raise UserError(f"{target} is neither .png, .svg nor .html")
    places = plots.points(given) + (plots.polygons(polygons) if polygons else [])
    curves = [plots.curve(series, place) for place in places]
    try:
        if kind == "html":
            target.write_text(plots.page(curves, title), encoding="utf-8")
        else:
            target.write_bytes(plots.picture(curves, title, kind))
    except OSError as error:
        raise MirrorError(f"{target}: {error.strerror}") from error
    fitted = sum(curve.harmonics != NO_FIT for curve in curves)
    say(f"{target}: {counted(len(series.dates), 'date')}; {_fits(fitted, len(curves), 'place')}")


def _fits(fitted: int, count: int, what: str) -> str:
    """Return how many have a fit, and why none may have one."""
    why = ": too few observations, or no fit is believed (--observations, --harmonics)"
    return f"{fitted:,} of {counted(count, what)} fitted{'' if fitted else why}"


def _write(
    series: Series, folder: Path, wanted: str, parameters: dict[str, Any], threads: int
) -> None:
    from rich.progress import Progress

    from geesync.series.regression import RESULTS
    from geesync.series.results import write

    results = RESULTS if wanted == "all" else tuple(dict.fromkeys(wanted.split(",")))
    if unknown := set(results) - set(RESULTS):
        raise UserError(
            f"{', '.join(sorted(unknown))}: no such result", hint=f"one of {', '.join(RESULTS)}"
        )
    with Progress(console=errors(), transient=True) as progress:
        task = progress.add_task("fitting", total=None)
        catalogue, fitted = write(
            series,
            folder,
            results,
            parameters,
            lambda done, count: progress.update(task, completed=done, total=count),
            at_once=threads,
        )
    say(f"{catalogue}: {', '.join(results)}; {_fits(fitted, series.index[0].size, 'pixel')}")
