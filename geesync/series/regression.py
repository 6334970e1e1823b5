"""An index of a collection, fitted pixel by pixel in blocks: memory is bounded, whatever the size.

A block is read at all its times, fitted, written and forgotten; Dask's threads do some at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
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
from geesync.series.harmonics import Model, fit, names, predict, years_since

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

    @property
    def years(self) -> NDArray[np.float64]:
        """(T,): its times, in years since 1970."""
        return years_since(self.index["time"].values)

    @property
    def dates(self) -> list[str]:
        """Its times as text that may stand in a file's name, each once."""
        moments = np.datetime_as_string(self.index["time"].values.astype("datetime64[s]"))
        return [str(moment).replace(":", "").replace("-", "") for moment in moments]

    def bands_of(self, result: str) -> list[str]:
        """Return the names of a result's bands."""
        most = self.model.most
        waves = [str(wave) for wave in range(1, most + 1)]
        several = {
            "coefficients": names(most),
            "amplitude": [f"amplitude_{wave}" for wave in waves],
            "phase": [f"phase_{wave}" for wave in waves],
        }
        return self.dates if result in DATED_RESULTS else several.get(result, [result])


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
) -> None:
    """Fit all pixels, and write the results that rasters were opened for.

    at_once: blocks; each takes some 8 × T × bands bytes a pixel. progress: called with how many
    blocks are done, and of how many.
    """
    data = series.index.transpose("time", "y", "x").chunk({"time": -1}).data
    blocks = data.to_delayed()[0]
    starts = [np.concatenate([[0], np.cumsum(sizes)]) for sizes in data.chunks[1:]]

    def work(values: NDArray[Any], row: int, column: int) -> None:
        found = fit_block(values, series.years, series.model)
        for name, raster in rasters.items():
            raster.write(found[name], row, column)

    works = [
        delayed(work)(blocks[i, j], int(starts[0][i]), int(starts[1][j]))
        for i in range(blocks.shape[0])
        for j in range(blocks.shape[1])
    ]
    # One block's pixels after the other: Dask would read all of them before the first is fitted.
    with _counted(len(works), progress), config.set(scheduler="threads", num_workers=at_once):
        compute_all(*works)  # type: ignore[no-untyped-call] # Dask has types for some of it only


@contextmanager
def _counted(count: int, progress: Callable[[int, int], object]) -> Iterator[None]:
    done = 0

    def tell(key: Any, *_: object) -> None:
        nonlocal done
        if str(key).startswith("work-"):
            done += 1
            progress(done, count)

    with Callback(posttask=tell):  # type: ignore[no-untyped-call] # likewise
        yield


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
