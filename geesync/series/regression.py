"""An index of a collection, fitted pixel by pixel in blocks: memory is bounded, whatever the size.

A block is read at all its times, fitted, written and forgotten; Dask's threads do some at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from affine import Affine
from dask import config
from dask.base import compute as compute_all
from dask.callbacks import Callback
from dask.delayed import delayed
from numpy.typing import NDArray

from geesync.adapters.formats.block_raster import BlockRaster
from geesync.errors import UserError
from geesync.series.harmonics import NO_FIT, Model, fit, names, predict, years_since
from geesync.series.indices import index
from geesync.series.mirror import BLOCK, Mirror, is_between
from geesync.series.stac_items import UNDATED, bands_of

#: Results that are one value, or some, for each pixel.
_MODEL_RESULTS = ("coefficients", "amplitude", "phase", "quality", "observations", "rmse")

#: Results for each date.
DATED_RESULTS = ("filled", "fitted")

RESULTS = (*DATED_RESULTS, *_MODEL_RESULTS)

Blocks = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Series:
    """An index over time, lazily: (time, y, x), NaN where nothing was observed."""

    index: xr.DataArray
    model: Model
    undated: int = 0  #: images that are left out, since they have no time

    @property
    def years(self) -> NDArray[np.float64]:
        """(T,): its times, in years since 1970."""
        return years_since(self.index["time"].values)

    @property
    def times(self) -> list[datetime]:
        """Its times, in UTC."""
        moments = self.index["time"].values.astype("datetime64[ms]")
        return [moment.replace(tzinfo=UTC) for moment in moments.astype(datetime)]

    @property
    def dates(self) -> list[str]:
        """Its times as text that may stand in a file's name, each once."""
        return [f"{moment:%Y%m%dT%H%M%S}{_millis(moment)}" for moment in self.times]

    def bands_of(self, result: str) -> list[str]:
        """Return the names of a result's bands."""
        if result in DATED_RESULTS:
            return self.dates
        if result == "coefficients":
            return names(self.model.most)
        if result in {"amplitude", "phase"}:
            return [f"{result}_{wave}" for wave in range(1, self.model.most + 1)]
        return [result]


def _millis(moment: datetime) -> str:
    return f"_{moment.microsecond // 1000:03d}" if moment.microsecond else ""


#: Whoever asks for times gets no images without one.
_EARLIEST = datetime.min.replace(tzinfo=UTC)


def series_of(
    mirror: Mirror,
    collection: str,
    model: Model,
    *,
    of: str = "ndvi",
    roles: Mapping[str, str] | None = None,
    begin: datetime | None = None,
    end: datetime | None = None,
    clouds: str = "",
    **grid: Any,
) -> Series:
    """Return a collection's index over time, lazily, with what may be fitted to it.

    of: the index, its name or a formula. roles: which band has which role. end: exclusive. clouds:
    a mirrored collection of masks, ``users/x/masks:cloud``: 0 is clear. grid: crs and resolution,
    if not the images' own. Images of the same moment are one observation. Raises UserError for what
    is not in the mirror, or has not the bands.
    """
    every, begin = mirror.images(collection), begin or _EARLIEST
    images = [image for image in every if is_between(image, begin, end)]
    undated = sum(UNDATED in image.properties for image in every)
    if not images:
        others = f"; {undated:,} have no time at all" if undated else ""
        raise UserError(f"{collection} has no images in this mirror at these times{others}")
    types = {name: band.data_type for name, band in bands_of(images[0]).items()}
    chosen = index(of, types, roles)
    # All times of a block are in memory at once.
    load = partial(mirror.load, begin=begin, end=end, block=BLOCK // 2, groupby="time")
    observed = chosen.of(load(collection, bands=[*dict.fromkeys(chosen.bands.values())], **grid))
    if clouds:
        name, _, band = clouds.partition(":")
        masks = load(name, bands=[band] if band else [], geobox=observed.odc.geobox)
        mask = next(iter(masks.data_vars.values()))
        if not bool(observed["time"].isin(mask["time"]).any()):
            raise UserError(
                f"no image of {name} has the time of one of {collection}",
                hint="masks are matched by system:time_start",
            )
        # An image without a mask, and a pixel that a mask says nothing of, may be cloudy.
        observed = observed.where(mask.reindex(time=observed["time"]) == 0)
    model = replace(model, valid_range=chosen.valid_range)
    return Series(observed.astype("float32").rename(chosen.name), model, undated)


def fit_block(values: NDArray[Any], years: NDArray[np.float64], model: Model) -> Blocks:
    """Return every result for a block of pixels: (bands, height, width) each.

    values: (T, height, width), NaN where nothing was observed. ``filled`` has the observation where
    there is one, and else the fit; an observation is never written over.
    """
    shape = values.shape[1:]
    flat = values.reshape(len(values), -1)
    fitted = fit(flat, years, model)
    predicted = predict(fitted, years).astype(np.float32)
    found: Blocks = {
        "fitted": predicted,
        "filled": np.where(np.isfinite(flat), flat, predicted),
        "coefficients": fitted.coefficients.T,
        "amplitude": fitted.amplitude.T.astype(np.float32),
        "phase": fitted.phase.T.astype(np.float32),
        "quality": fitted.harmonics[None],
        "observations": fitted.observations[None].astype(np.int16),
        "rmse": fitted.rmse[None].astype(np.float32),
    }
    return {name: result.reshape(-1, *shape) for name, result in found.items()}


#: The pixel type of each result, as it is kept.
TYPES = {
    **dict.fromkeys(RESULTS, "float32"),
    "coefficients": "float64",
    "quality": "int16",
    "observations": "int16",
}


def compute(
    series: Series,
    rasters: dict[str, BlockRaster],
    progress: Callable[[int, int], object] = lambda _done, _of: None,
    *,
    at_once: int = 2,
) -> int:
    """Fit all pixels, and write the results that rasters were opened for; return how many have one.

    at_once: blocks; each takes some 8 × T × bands bytes a pixel. progress: called with how many
    blocks are done, and of how many.
    """
    data = series.index.transpose("time", "y", "x").chunk({"time": -1}).data
    blocks = data.to_delayed()[0]
    starts = [np.concatenate([[0], np.cumsum(sizes)]) for sizes in data.chunks[1:]]

    def work(values: NDArray[Any], row: int, column: int) -> int:
        found = fit_block(values, series.years, series.model)
        for name, raster in rasters.items():
            raster.write(found[name], row, column)
        return int((found["quality"] != NO_FIT).sum())

    works = [
        delayed(work)(blocks[i, j], int(starts[0][i]), int(starts[1][j]))
        for i in range(blocks.shape[0])
        for j in range(blocks.shape[1])
    ]
    done = count(1)

    def after_task(key: Any, *_: object) -> None:
        if str(key).startswith("work-"):
            progress(next(done), len(works))

    # One block's pixels after the other: Dask would read all of them before the first is fitted.
    counted = Callback(posttask=after_task)  # type: ignore[no-untyped-call] # Dask has types for some only
    with counted, config.set(scheduler="threads", num_workers=at_once):
        return sum(compute_all(*works))  # type: ignore[no-untyped-call] # likewise


@contextmanager
def open_rasters(
    series: Series, folder: Path, results: tuple[str, ...]
) -> Iterator[dict[str, BlockRaster]]:
    """Open a passing file for each result in a folder; all are removed at the end."""
    box = series.index.odc.geobox
    height, width = box.shape
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(
                BlockRaster(
                    folder / f".{name}.passing.tif",
                    (len(series.bands_of(name)), height, width),
                    TYPES[name],
                    str(box.crs),
                    Affine(*box.transform[:6]),
                )
            )
            for name in results
        }
