"""A series at points or over polygons, as a picture and as a page that needs no network."""

from __future__ import annotations

import html
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo import geom
from odc.geo.xr import mask as inside

from geesync.errors import MirrorError, UserError
from geesync.series.harmonics import NO_FIT, fit, predict, years_since
from geesync.series.regression import Series

#: Between two points of a drawn curve.
_STEP = np.timedelta64(5, "D")

#: Two series at most are told apart by colour alone; all are told by their titles.
_OBSERVED, _FITTED, _GAP = "#1b6f5c", "#c2571a", "#eceff1"

#: A stretch without observations that is longer than this many usual distances is a gap.
_GAP_DISTANCES = 2.5


@dataclass(frozen=True)
class Place:
    """Where to look: a point, or a polygon whose pixels' mean is taken."""

    title: str
    outline: geom.Geometry  #: in EPSG:4326, longitude first


@dataclass(frozen=True)
class Curve:
    """What was observed at a place, and what was fitted to it."""

    title: str
    times: NDArray[np.datetime64]  #: (T,)
    observed: NDArray[np.float64]  #: (T,), NaN where nothing was
    curve_times: NDArray[np.datetime64]
    fitted: NDArray[np.float64]  #: at ``curve_times``; NaN without a fit
    harmonics: int  #: or NO_FIT

    @property
    def gaps(self) -> list[tuple[np.datetime64, np.datetime64]]:
        """Stretches between two observations that are much longer than most."""
        seen = self.times[np.isfinite(self.observed)]
        if len(seen) < 2:  # noqa: PLR2004 # two make a distance
            return []
        distances = np.diff(seen)
        usual = np.median(distances.astype("int64")) * _GAP_DISTANCES
        return [
            (seen[at], seen[at + 1]) for at in np.flatnonzero(distances.astype("int64") > usual)
        ]


def points(given: Iterable[str]) -> list[Place]:
    """Return places from texts like ``9.5,47.1``. Raises UserError for other texts."""
    places = []
    for text in given:
        try:
            lon, lat = map(float, text.split(","))
        except ValueError:
            raise UserError(f"{text!r} is no point", hint="give LON,LAT in degrees") from None
        places.append(Place(f"{lon:g}, {lat:g}", geom.point(lon, lat, "EPSG:4326")))
    return places


def polygons(file: Path) -> list[Place]:
    """Return the features of a GeoJSON file as places. Raises UserError if it is none."""
    try:
        document = json.loads(file.read_bytes())
        features = document["features"] if document["type"] == "FeatureCollection" else [document]
        found = [_place(feature, number) for number, feature in enumerate(features, start=1)]
    except OSError as error:
        raise MirrorError(f"{file}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{file} is no GeoJSON of polygons", hint=str(error)) from error
    if not found:
        raise UserError(f"{file} holds no polygon")
    return found


def _place(feature: Any, number: int) -> Place:
    geometry = feature.get("geometry", feature)
    title = (feature.get("properties") or {}).get("name") or f"polygon {number}"
    return Place(str(title), geom.Geometry(geometry, "EPSG:4326"))


def curve(series: Series, place: Place) -> Curve:
    """Read a place's pixels and fit them. Raises UserError if it lies outside."""
    observed = _observed(series.index, place)
    times = series.index["time"].values.astype("datetime64[ms]")
    curve_times = np.arange(times.min(), times.max() + _STEP, _STEP)
    found = fit(observed[:, None], series.years, series.model)
    fitted = predict(found, years_since(curve_times))[:, 0]
    return Curve(place.title, times, observed, curve_times, fitted, int(found.harmonics[0]))


def _observed(index: xr.DataArray, place: Place) -> NDArray[np.float64]:
    """Return (T,): a point's pixel, or the mean of those in a polygon."""
    local = _in_grid_of(index, place)
    if local.geom_type == "Point":
        x, y = local.coords[0]
        return np.asarray(index.sel(x=x, y=y, method="nearest").values, np.float64)
    some = index.odc.crop(local, apply_mask=False)
    values = inside(some, local, all_touched=True)
    return np.asarray(values.mean(("y", "x"), skipna=True).values, np.float64)


def _in_grid_of(index: xr.DataArray, place: Place) -> geom.Geometry:
    """Return a place in the images' CRS, beyond 180° as they are. Raises UserError if outside."""
    grid = index.odc.geobox
    for turn in (0, 360, -360):
        there = place.outline.transform(lambda x, y, turn=turn: (x + turn, y)).to_crs(grid.crs)
        if grid.extent.intersects(there):
            return there
    raise UserError(f"{place.title} is not where the images are")


def picture(curves: Sequence[Curve], title: str, kind: str) -> bytes:
    """Return curves, one above the other, as an image; kind: "png" or "svg"."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 # after its backend is chosen

    figure, axes = plt.subplots(
        len(curves), 1, figsize=(10, 3 * len(curves) + 0.6), squeeze=False, layout="constrained"
    )
    figure.suptitle(title, fontsize=13)
    for axis, one in zip(axes[:, 0], curves, strict=True):
        _draw(axis, one)
    axes[0, 0].legend(loc="upper right", frameon=False, ncols=3, fontsize=9)
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=120)
    plt.close(figure)
    return buffer.getvalue()


def _draw(axis: Any, one: Curve) -> None:
    for number, (begin, end) in enumerate(one.gaps):
        axis.axvspan(begin, end, color=_GAP, label="gap" if not number else None, zorder=0)
    if one.harmonics != NO_FIT:
        axis.plot(
            one.curve_times, one.fitted, color=_FITTED, label=f"fit, {one.harmonics} harmonics"
        )
    axis.plot(one.times, one.observed, "o", ms=3.5, color=_OBSERVED, label="observed")
    axis.set_title(
        one.title + ("" if one.harmonics != NO_FIT else ": no fit"), loc="left", fontsize=10
    )
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="y", alpha=0.3)


def page(curves: Sequence[Curve], title: str) -> str:
    """Return curves as one HTML file with its numbers as a table; it loads nothing."""
    drawing = picture(curves, title, "svg").decode()
    tables = "".join(_table(one) for one in curves)
    return (
        "<!doctype html><html lang='en'><meta charset='utf-8'>"
        f"<meta name='viewport' content='width=device-width'><title>{html.escape(title)}</title>"
        f"<style>{_STYLE}</style><main>{drawing[drawing.index('<svg') :]}{tables}</main></html>\n"
    )


_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:62rem;padding:1rem}"
    "svg{width:100%;height:auto}td,th{padding:0 .8rem;text-align:right}"
)


def _table(one: Curve) -> str:
    seen = np.isfinite(one.observed)
    rows = "".join(
        f"<tr><td>{str(time)[:10]}<td>{value:.4f}"
        for time, value in zip(one.times[seen], one.observed[seen], strict=True)
    )
    return (
        f"<details><summary>{html.escape(one.title)}: {seen.sum():,} observations</summary>"
        f"<table><tr><th>date<th>observed{rows}</table></details>"
    )
