"""Exports as people write them, from the client to the file in the bucket."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ee
import numpy as np
import pytest
import rasterio
from google.cloud import storage
from rasterio.io import DatasetReader, MemoryFile

from geesync.simulator import Simulator
from geesync.simulator.pixels import SimBand

ELEVATION = "users/demo/elevation"


@contextmanager
def opened(blob: storage.Blob) -> Iterator[DatasetReader]:
    with MemoryFile(blob.download_as_bytes()) as file, file.open() as raster:
        yield raster


def elevation(simulator: Simulator) -> SimBand:
    return simulator.world.lookup(ELEVATION).bands[0]


def run(task: Any) -> None:
    task.start()
    assert task.status()["state"] == "COMPLETED", task.status()


@pytest.mark.usefixtures("earth_engine")
def test_an_export_on_its_own_grid_is_pixel_for_pixel(
    simulator: Simulator, bucket: storage.Bucket
) -> None:
    band = elevation(simulator)
    size: Any = [band.grid.width, band.grid.height]  # allowed, though its annotation is not

    run(
        ee.batch.Export.image.toCloudStorage(
            ee.Image(ELEVATION),
            description="exact",
            bucket=simulator.bucket,
            fileNamePrefix="a/exact",
            crs=band.grid.crs,
            crsTransform=list(band.grid.transform),
            dimensions=size,
        )
    )

    with opened(bucket.blob("a/exact.tif")) as raster:
        assert raster.transform == rasterio.Affine(*band.grid.transform)
        assert raster.crs == rasterio.crs.CRS.from_user_input(band.grid.crs)
        assert raster.descriptions == ("elevation",)
        np.testing.assert_array_equal(raster.read(1), band.load()[0])


@pytest.mark.usefixtures("earth_engine")
def test_an_export_of_a_region_has_the_asked_scale(
    simulator: Simulator, bucket: storage.Bucket
) -> None:
    band = elevation(simulator)
    left, top = band.grid.transform[2], band.grid.transform[5]
    corner = ee.Geometry.Rectangle(
        [left + 30, top - 300, left + 330, top - 30], band.grid.crs, geodesic=False
    )

    run(
        ee.batch.Export.image.toCloudStorage(
            ee.Image(ELEVATION),
            description="region",
            bucket=simulator.bucket,
            region=corner,
            scale=30,
            crs=band.grid.crs,
        )
    )

    with opened(bucket.blob("region.tif")) as raster:
        assert raster.res == (30, 30)
        assert abs(raster.width - 10) <= 1
        assert abs(raster.height - 9) <= 1


@pytest.mark.usefixtures("earth_engine")
def test_a_table_ends_as_the_file_that_was_asked_for(
    simulator: Simulator, bucket: storage.Bucket
) -> None:
    run(
        ee.batch.Export.table.toCloudStorage(
            ee.FeatureCollection("projects/demo-project/assets/stations"),
            description="stations",
            bucket=simulator.bucket,
            fileFormat="CSV",
            selectors=["name", "height_m"],
        )
    )

    text = bucket.blob("stations.csv").download_as_text()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 9
    assert list(rows[0]) == ["name", "height_m"]


@pytest.mark.usefixtures("earth_engine")
def test_the_audit_tells_which_asset_went_where(
    simulator: Simulator, bucket: storage.Bucket
) -> None:
    run(
        ee.batch.Export.image.toCloudStorage(
            ee.Image(ELEVATION), description="x", bucket=simulator.bucket
        )
    )

    (record,) = simulator.audit.records("export")
    assert record.details["assets"] == ["projects/earthengine-legacy/assets/users/demo/elevation"]
    assert record.details["destination"] == f"gs://{bucket.name}/x"
