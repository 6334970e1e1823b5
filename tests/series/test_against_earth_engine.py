"""A fit from the mirror is the fit that Earth Engine's own regression makes of the same images."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ee
import numpy as np
import pystac
import pytest
import rasterio
from google.auth.credentials import AnonymousCredentials
from typer.testing import CliRunner

import geesync
from geesync.cli.app import app
from geesync.series.harmonics import Model, fit, names, years_since
from geesync.simulator.simulator import Simulator
from tests.series.season import COLLECTION, CORNER, EPSG, SHAPE, Season
from tests.story.world import a_world

SEASON = Season()
WAVES = 2
YEAR_MS = 365.25 * 86_400_000


@pytest.fixture(scope="module")
def account() -> Iterator[Simulator]:
    with Simulator(SEASON.account()) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def mirror(account: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    with a_world(account, tmp_path_factory.mktemp("season")) as world:
        world.enqueue("users/x")
        world.settle()
    return world.mirror


@pytest.fixture
def regression(account: Simulator, mirror: Path) -> Iterator[Any]:
    """The collection with its index and regressors, and their regression, by the unmodified client.

    The mirror comes first: the client's state is the process's.
    """
    del mirror
    ee.Initialize(AnonymousCredentials(), project=account.project, url=account.earth_engine_url)
    regressors = names(WAVES)

    def prepared(image: Any) -> Any:
        sum_ = image.select("B8").double().add(image.select("B4"))
        ndvi = image.select("B8").double().subtract(image.select("B4")).divide(sum_)
        years = ee.Image.constant(ee.Number(image.get("system:time_start")).divide(YEAR_MS))
        bands = [ee.Image.constant(1), years]
        for k in range(1, WAVES + 1):
            angle = years.multiply(2 * math.pi * k)
            bands += [angle.cos(), angle.sin()]
        return ee.Image.cat(bands).rename(regressors).toDouble().addBands(ndvi.rename("ndvi"))

    images: Any = ee.ImageCollection(COLLECTION)
    harmonic = images.map(prepared)
    solved = harmonic.reduce(ee.Reducer.linearRegression(len(regressors), 1))
    coefficients = solved.select("coefficients").arrayProject([0]).arrayFlatten([regressors])
    yield harmonic, coefficients
    ee.Reset()


def pixels(image: Any) -> np.ndarray:
    """Return (bands, height, width) on the grid of the collection."""
    grid = {
        "crsCode": f"EPSG:{EPSG}",
        "affineTransform": {
            "scaleX": 10,
            "scaleY": -10,
            "translateX": CORNER[0],
            "translateY": CORNER[1],
        },
        "dimensions": {"width": SHAPE[1], "height": SHAPE[0]},
    }
    request = {"expression": image, "fileFormat": "NUMPY_NDARRAY", "grid": grid}
    array = ee.data.computePixels(request)
    return np.array([array[band] for band in array.dtype.names])


def test_coefficients_are_those_of_linear_regression(mirror: Path, regression: Any) -> None:
    data = geesync.open_mirror(mirror)["users/x/scenes"].astype("float64")
    index = ((data["B8"] - data["B4"]) / (data["B8"] + data["B4"])).compute()

    ours = fit(
        index.values.reshape(len(index), -1),
        years_since(index["time"].values),
        Model((WAVES,), observations_a_coefficient=1),
    )

    theirs = pixels(regression[1]).reshape(len(names(WAVES)), -1).T
    assert np.isfinite(ours.coefficients).all()
    assert np.abs(ours.coefficients - theirs).max() < 1e-6


def test_what_the_command_writes_is_what_earth_engine_would_fit(
    mirror: Path, regression: Any, tmp_path: Path
) -> None:
    words = ("--output", tmp_path / "out", "--write", "fitted", "--harmonics", str(WAVES))

    done = CliRunner().invoke(
        app, ["series", "users/x/scenes", "--mirror", str(mirror), *map(str, words)]
    )

    assert done.exit_code == 0, done.output
    harmonic, coefficients = regression
    found = pystac.Collection.from_file(str(tmp_path / "out" / "collection.json"))
    items = sorted((i for i in found.get_items() if i.id != "model"), key=lambda item: item.id)
    for number in (0, 17, SEASON.images - 1):
        image = ee.Image(harmonic.toList(1, number).get(0)).select(names(WAVES))
        fitted = pixels(image.multiply(coefficients).reduce(ee.Reducer.sum()))[0]
        with rasterio.open(items[number].assets["fitted"].get_absolute_href()) as file:
            assert np.abs(file.read(1) - fitted).max() < 1e-6
