"""What a fit leaves on disk: cloud-optimised GeoTIFFs, and a static STAC catalogue of them.

A folder of its own beside the mirror, never inside: what is in a mirror is Earth Engine's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pystac
from odc.geo.geobox import GeoBox
from pystac import Asset, CatalogType, Collection, Extent, Item, SpatialExtent, TemporalExtent

from geesync import __version__
from geesync.adapters.formats.block_raster import BlockRaster
from geesync.adapters.mirror_files.mirror import MARKER
from geesync.errors import MirrorError, UserError
from geesync.series.harmonics import NO_FIT
from geesync.series.regression import DATED_RESULTS, TYPES, Series, compute, open_rasters

_PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"

#: The Item of all results that have no date, and the name of its files' folder.
_MODEL = "model"

_MARK = "geesync:series"

#: Says whose a folder is before its catalogue is there, and what is made in it.
_CLAIM = ".geesync-series.json"


def write(
    series: Series,
    folder: Path,
    results: Sequence[str],
    parameters: Mapping[str, Any],
    progress: Callable[[int, int], object],
    *,
    at_once: int,
) -> tuple[Path, int]:
    """Fit a series and write its results; return the catalogue's file, and how many pixels fit.

    parameters: what made it, for the catalogue. An earlier run's files of the same parameters are
    replaced, each when its successor is whole. Raises UserError for a folder that holds something
    else, and MirrorError if the disk refuses.
    """
    _claim(folder, parameters)
    dated = [name for name in DATED_RESULTS if name in results]
    model = [name for name in results if name not in DATED_RESULTS]
    items: list[Item] = []
    try:
        with open_rasters(series, folder, tuple(results)) as rasters:
            fitted = compute(series, rasters, progress, at_once=at_once)
            for number, date in enumerate(series.dates if dated else ()):
                bands = {name: {number: str(series.index.name)} for name in dated}
                item = _item(series, date, series.times[number], {})
                items.append(_save(item, folder, rasters, bands))
            if model:
                first, last = min(series.times), max(series.times)
                span = {"start_datetime": first.isoformat(), "end_datetime": last.isoformat()}
                bands = {name: dict(enumerate(series.bands_of(name))) for name in model}
                item = _item(series, _MODEL, first, span)
                items.append(_save(item, folder, rasters, bands))
        return _catalogue(series, folder, items, parameters), fitted
    except OSError as error:  # or rasterio's, whose cause is GDAL's
        why = error.strerror or error.__cause__ or error
        raise MirrorError(f"{folder}: {why}") from error


def _claim(folder: Path, parameters: Mapping[str, Any]) -> None:
    """Make sure that a folder is new, empty, or an earlier run's of the same, however it ended."""
    claim, whole = folder / _CLAIM, folder.resolve()
    if any((place / MARKER).exists() for place in (whole, *whole.parents)):
        raise UserError(f"{folder} is in a mirror", hint="give a folder beside it")
    wanted = json.dumps(parameters, sort_keys=True, default=str)
    try:
        if folder.exists() and any(folder.iterdir()):
            earlier = claim.read_text("utf-8") if claim.exists() else ""
            if earlier != wanted:
                held = f"holds another series: {earlier}" if earlier else "is not empty"
                raise UserError(f"{folder} {held}", hint="give a new folder")
        folder.mkdir(parents=True, exist_ok=True)
        claim.write_text(wanted, "utf-8")
    except OSError as error:
        raise MirrorError(f"{folder}: {error.strerror}") from error


def _save(
    item: Item,
    folder: Path,
    rasters: Mapping[str, BlockRaster],
    results: Mapping[str, Mapping[int, str]],
) -> Item:
    """Write an Item's files, and return it with them; results: of each, the bands by number."""
    for name, bands in results.items():
        target = folder / item.id / f"{name}.tif"
        target.parent.mkdir(exist_ok=True)
        is_float = np.dtype(TYPES[name]).kind == "f"
        rasters[name].save(target, bands, float("nan") if is_float else NO_FIT)
        item.add_asset(
            name,
            Asset(
                str(target),
                title=name,
                media_type=pystac.MediaType.COG,
                roles=["data"],
                extra_fields={"data_type": TYPES[name]},
            ),
        )
    return item


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


def _catalogue(
    series: Series, folder: Path, items: Sequence[Item], parameters: Mapping[str, Any]
) -> Path:
    """Write the collection and its Items; the collection comes last, so that it never promises."""
    first, last = min(series.times), max(series.times)
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
