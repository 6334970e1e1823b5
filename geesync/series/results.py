"""What a fit leaves on disk: cloud-optimised GeoTIFFs, and a static STAC catalogue of them.

A folder of its own beside the mirror, never inside: what is in a mirror is Earth Engine's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pystac
from odc.geo.geobox import GeoBox
from pystac import Asset, CatalogType, Collection, Extent, Item, SpatialExtent, TemporalExtent

from geesync import __version__
from geesync.adapters.formats.block_raster import BlockRaster
from geesync.errors import MirrorError, UserError
from geesync.series.harmonics import NO_FIT
from geesync.series.regression import DATED_RESULTS, TYPES, Series, compute, open_rasters

_PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"

#: The Item of all results that have no date, and the name of its files' folder.
_MODEL = "model"

_MARK = "geesync:series"


def write(
    series: Series,
    folder: Path,
    results: Sequence[str],
    parameters: Mapping[str, Any],
    progress: Callable[[int, int], object],
    *,
    at_once: int,
) -> Path:
    """Fit a series and write its results; return the catalogue's file.

    parameters: what made it, for the catalogue. An earlier run's files of the same names are
    replaced, each when its successor is whole. Raises UserError for a folder that holds something
    else, and MirrorError if the disk refuses.
    """
    _claim(folder)
    try:
        with open_rasters(series, folder, tuple(results)) as rasters:
            compute(series, rasters, progress, at_once=at_once)
            items = [
                _dated(series, folder, rasters, number) for number in _numbers(series, results)
            ]
            if model := [name for name in results if name not in DATED_RESULTS]:
                items.append(_model(series, folder, rasters, model))
        return _catalogue(series, folder, items, parameters)
    except OSError as error:
        raise MirrorError(f"{folder}: {error.strerror or error}") from error


def _claim(folder: Path) -> None:
    """Make sure that the folder is new, empty, or an earlier run's."""
    catalogue = folder / "collection.json"
    if (folder / "catalog.json").exists():
        raise UserError(f"{folder} is a mirror", hint="give a folder beside it")
    if folder.is_dir() and any(folder.iterdir()) and not catalogue.exists():
        raise UserError(f"{folder} is not empty, and no series is in it", hint="give a new folder")
    if catalogue.exists() and _MARK not in catalogue.read_text():
        raise UserError(f"{folder} holds somebody else's collection", hint="give a new folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MirrorError(f"{folder}: {error.strerror}") from error


def _numbers(series: Series, results: Sequence[str]) -> range:
    return range(len(series.dates) if set(results) & set(DATED_RESULTS) else 0)


def _dated(series: Series, folder: Path, rasters: Mapping[str, BlockRaster], number: int) -> Item:
    """Write what a date has, and return its Item."""
    date = series.dates[number]
    time = series.index["time"].values[number].astype("datetime64[ms]").astype(datetime)
    item = _item(series, date, time.replace(tzinfo=UTC), {})
    for name in DATED_RESULTS:
        if name in rasters:
            target = _place(folder, date, name)
            rasters[name].save(target, {number: str(series.index.name)}, float("nan"))
            item.add_asset(name, _asset(target, name))
    return item


def _model(
    series: Series, folder: Path, rasters: Mapping[str, BlockRaster], results: Sequence[str]
) -> Item:
    """Write what the whole series has, and return its Item."""
    first, last = _span(series)
    item = _item(
        series,
        _MODEL,
        first,
        {"start_datetime": first.isoformat(), "end_datetime": last.isoformat()},
    )
    for name in results:
        target = _place(folder, _MODEL, name)
        bands = dict(enumerate(series.bands_of(name)))
        rasters[name].save(target, bands, float("nan") if _is_float(name) else NO_FIT)
        item.add_asset(name, _asset(target, name))
    return item


def _is_float(result: str) -> bool:
    return np.dtype(TYPES[result]).kind == "f"


def _place(folder: Path, item: str, result: str) -> Path:
    place = folder / item / f"{result}.tif"
    place.parent.mkdir(exist_ok=True)
    return place


def _asset(target: Path, result: str) -> Asset:
    return Asset(
        str(target),
        title=result,
        media_type=pystac.MediaType.COG,
        roles=["data"],
        extra_fields={"data_type": TYPES[result]},
    )


def _item(series: Series, name: str, time: datetime, properties: Mapping[str, Any]) -> Item:
    box: GeoBox = series.index.odc.geobox
    crs = box.crs
    assert crs is not None  # the mirror says it of each file
    outline = box.extent.to_crs("EPSG:4326", resolution=box.resolution.x * 32)
    grid = {
        "proj:code": f"EPSG:{crs.epsg}" if crs.epsg else None,
        "proj:transform": list(box.transform[:6]),
        "proj:shape": list(box.shape),
    }
    if not crs.epsg:
        grid["proj:wkt2"] = crs.to_wkt()
    return Item(
        name,
        outline.json,
        list(outline.boundingbox.bbox),
        time,
        {**properties, **grid},
        stac_extensions=[_PROJECTION],
    )


def _span(series: Series) -> tuple[datetime, datetime]:
    times = series.index["time"].values.astype("datetime64[ms]")
    first, last = times.min().astype(datetime), times.max().astype(datetime)
    return first.replace(tzinfo=UTC), last.replace(tzinfo=UTC)


def _catalogue(
    series: Series, folder: Path, items: Sequence[Item], parameters: Mapping[str, Any]
) -> Path:
    """Write the collection and its Items; the collection comes last, so that it never promises."""
    first, last = _span(series)
    collection = Collection(
        f"{series.index.name}-series",
        f"{series.index.name} of {parameters['collection']}, fitted by harmonics",
        Extent(SpatialExtent([list(items[0].bbox or ())]), TemporalExtent([[first, last]])),
        extra_fields={_MARK: {**parameters, "version": __version__}},
    )
    collection.add_items(items)
    collection.normalize_hrefs(str(folder))
    collection.make_all_asset_hrefs_relative()
    collection.save(CatalogType.SELF_CONTAINED)
    return folder / "collection.json"
