"""``… WAY PIXELS``: fits a trend and two waves to pixels, and tells what that took by itself.

A process of its own for each way: geesync's, a loop over numpy or statsmodels, or Earth Engine's.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geesync.series.harmonics import Model, design, fit, years_since

DATES, WAVES = 73, 2
BEGIN, EVERY = datetime(2023, 1, 1, tzinfo=UTC), timedelta(days=5)
COLLECTION = "projects/demo-project/assets/season"
YEAR_MS = 365.25 * 86_400_000

Floats = NDArray[np.float64]


def years() -> Floats:
    """(T,): a date each five days."""
    return years_since([(BEGIN + EVERY * n).replace(tzinfo=None) for n in range(DATES)])


def observed(pixels: int) -> Floats:
    """(T, N): a season with noise, of which a third is clouded."""
    draw = np.random.default_rng(1)
    season = 0.5 + 0.3 * np.cos(2 * np.pi * years())[:, None]
    values = season + 0.03 * draw.standard_normal((DATES, pixels))
    return np.where(draw.random(values.shape) < 1 / 3, np.nan, values)


def by_geesync(values: Floats) -> Floats:
    """Fit all pixels at once."""
    return fit(values, years(), Model((WAVES,), observations_a_coefficient=1)).coefficients


def by_numpy(values: Floats) -> Floats:
    """Fit one pixel after the other."""
    regressors = design(years(), WAVES)
    return np.array(
        [
            np.linalg.lstsq(regressors[np.isfinite(pixel)], pixel[np.isfinite(pixel)])[0]
            for pixel in values.T
        ]
    )


def by_statsmodels(values: Floats) -> Floats:
    """Fit one pixel after the other."""
    import statsmodels.api  # noqa: PLC0415 # of this way only

    regressors = design(years(), WAVES)
    fits = (statsmodels.api.OLS(pixel, regressors, missing="drop").fit() for pixel in values.T)
    return np.array([each.params for each in fits])


def by_earth_engine(values: Floats) -> Floats:
    """Have a simulator regress, in this process, and its client fetch the coefficients."""
    import ee  # noqa: PLC0415 # of this way only
    from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415 # likewise

    from geesync.simulator import Simulator  # noqa: PLC0415 # likewise
    from geesync.simulator.scenarios import Tree  # noqa: PLC0415 # likewise
    from geesync.simulator.world.pixels import (  # noqa: PLC0415 # likewise
        SimAsset,
        SimBand,
        SimGrid,
    )

    grid = SimGrid("EPSG:32633", (10.0, 0.0, 5e5, 0.0, -10.0, 5e6), values.shape[1], 1)

    def assets() -> Iterator[SimAsset]:
        yield SimAsset(COLLECTION, "IMAGE_COLLECTION")
        for number, row in enumerate(values):
            seen = np.isfinite(row)[None].astype(np.float32)
            pixels = np.nan_to_num(row)[None], seen
            band = SimBand("y", grid, "DOUBLE", None, partial(tuple, pixels))
            start = (BEGIN + EVERY * number).isoformat().replace("+00:00", "Z")
            yield SimAsset(f"{COLLECTION}/i{number}", "IMAGE", bands=(band,), start_time=start)

    with Simulator(Tree("season", "demo-project", assets())) as simulator:
        ee.Initialize(
            AnonymousCredentials(), project="demo-project", url=simulator.earth_engine_url
        )
        request = {
            "expression": _coefficients(ee),
            "fileFormat": "NUMPY_NDARRAY",
            "grid": {
                "crsCode": grid.crs,
                "affineTransform": {
                    "scaleX": 10,
                    "scaleY": -10,
                    "translateX": 5e5,
                    "translateY": 5e6,
                },
                "dimensions": {"width": grid.width, "height": 1},
            },
        }
        array = ee.data.computePixels(request)
    return np.stack([array[name][0] for name in array.dtype.names], axis=1)


def _coefficients(ee: Any) -> Any:
    names = ["constant", "trend", *(f"{f}{k}" for k in (1, 2) for f in ("cos", "sin"))]

    def prepared(image: Any) -> Any:
        time_ = ee.Image.constant(ee.Number(image.get("system:time_start")).divide(YEAR_MS))
        bands = [ee.Image.constant(1), time_]
        for k in range(1, WAVES + 1):
            angle = time_.multiply(2 * np.pi * k)
            bands += [angle.cos(), angle.sin()]
        return ee.Image.cat(bands).rename(names).toDouble().addBands(image)

    reducer = ee.Reducer.linearRegression(len(names), 1)
    solved = ee.ImageCollection(COLLECTION).map(prepared).reduce(reducer)
    return solved.select("coefficients").arrayProject([0]).arrayFlatten([names])


WAYS: dict[str, Callable[[Floats], Floats]] = {
    "geesync": by_geesync,
    "numpy": by_numpy,
    "statsmodels": by_statsmodels,
    "earth-engine": by_earth_engine,
}


def main(way: str, pixels: int) -> None:
    """Print ``{"wall_s": …, "cpu_s": …, "apart": …}``; apart: the most from numpy's fit."""
    values = observed(pixels)
    WAYS[way](values[:, :10])  # what is loaded at the first call is loaded
    began, used = time.monotonic(), time.process_time()
    found = WAYS[way](values)
    took = {"wall_s": time.monotonic() - began, "cpu_s": time.process_time() - used}
    # A pixel whose fit is not believed has none.
    apart = float(np.nanmax(np.abs(found[:100] - by_numpy(values[:, :100]))))
    print(json.dumps({**took, "apart": apart}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
