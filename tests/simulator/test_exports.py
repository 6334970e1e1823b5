"""Exports as people write them, from the client to the file in the bucket."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import ee
import numpy as np
import pytest
import rasterio
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from rasterio.io import DatasetReader, MemoryFile

from geesync.simulator import Simulator
from geesync.simulator.world.pixels import SimAsset, SimBand

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


LARGE = "users/demo/shapes/large"


@pytest.fixture
def demo(connect: Callable[[Simulator], None], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The demo's account and its bucket."""
    with Simulator("demo") as simulator:
        connect(simulator)
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", simulator.storage_url)
        with storage.Client(simulator.project, AnonymousCredentials()) as client:
            yield simulator, client.bucket(simulator.bucket)


def test_an_export_with_all_of_its_options_is_as_they_say(demo: Any) -> None:
    simulator, bucket = demo
    band = simulator.world.lookup(LARGE).bands[0]
    a, b, c, d, e, f = band.grid.transform
    left = ee.Geometry.Rectangle(
        [c, f + e * band.grid.height, c + a * 256, f], band.grid.crs, geodesic=False
    )
    image = ee.Image(LARGE).select(["red"]).updateMask(ee.Image(1).clip(left))

    task = ee.batch.Export.image.toCloudStorage(
        image,
        description="all options",
        bucket=simulator.bucket,
        fileNamePrefix="a/all",
        region=ee.Geometry.Rectangle(
            [c, f + e * band.grid.height, c + a * band.grid.width, f], band.grid.crs, geodesic=False
        ),
        crs=band.grid.crs,
        crsTransform=[a, b, c, d, e, f],
        maxPixels=10**9,
        shardSize=128,
        fileDimensions=(256, 256),
        skipEmptyTiles=True,
        fileFormat="GeoTIFF",
        formatOptions={"cloudOptimized": True, "noData": 7},
        priority=250,
    )
    run(task)

    names = sorted(blob.name for blob in bucket.list_blobs(prefix="a/all"))
    rows = -(-band.grid.height // 256)
    assert names == [f"a/all{256 * row:010d}-{0:010d}.tif" for row in range(rows)]
    with opened(bucket.blob(names[0])) as raster:
        assert (raster.width, raster.height, raster.nodata) == (256, 256, 7)
        assert raster.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        np.testing.assert_array_equal(raster.read(1), band.load()[0][:256, :256])
    (operation,) = ee.data.listOperations()
    assert operation["metadata"]["priority"] == 250


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"maxPixels": 100}, "Export too large: specified 2867 pixels"),
        ({"fileDimensions": 100}, "multiples of the shard size, 256"),
        ({"formatOptions": {"noData": 1e6}}, "not in the range of type Int16"),
    ],
)
@pytest.mark.usefixtures("earth_engine")
def test_an_export_that_cannot_be_says_so_when_it_runs(
    simulator: Simulator, options: dict[str, Any], words: str
) -> None:
    task = ee.batch.Export.image.toCloudStorage(
        ee.Image(ELEVATION), description="x", bucket=simulator.bucket, **options
    )

    task.start()

    assert task.status()["state"] == "FAILED"
    assert words in task.status()["error_message"]


@pytest.mark.usefixtures("earth_engine")
def test_a_table_as_geojson_keeps_its_types(simulator: Simulator, bucket: storage.Bucket) -> None:
    run(
        ee.batch.Export.table.toCloudStorage(
            ee.FeatureCollection("projects/demo-project/assets/oddities"),
            description="odd",
            bucket=simulator.bucket,
            fileNamePrefix="t/odd",
            fileFormat="GeoJSON",
            priority=9,
        )
    )

    rows = json.loads(bucket.blob("t/odd.geojson").download_as_bytes())["features"]
    features = simulator.world.lookup("projects/demo-project/assets/oddities").features
    assert features is not None
    assert [(row["geometry"], row["properties"]) for row in rows] == [
        (feature.geometry, feature.properties) for feature in features()
    ]
    assert {type(row["properties"]["code"]) for row in rows} == {str}
    assert None in [row["geometry"] for row in rows]


@pytest.mark.parametrize("asset", ["forest", "map"])
@pytest.mark.usefixtures("earth_engine")
def test_what_no_file_can_hold_is_refused_by_the_operation(
    simulator: Simulator, asset: str
) -> None:
    name = f"projects/demo-project/assets/{asset}"
    if asset == "map":
        simulator.world.put(SimAsset(name, "FEATURE_VIEW"))
    for export, expression in (
        (ee.batch.Export.image, ee.Image(name)),
        (ee.batch.Export.table, ee.FeatureCollection(name)),
    ):
        task = export.toCloudStorage(expression, description="x", bucket=simulator.bucket)
        task.start()

        assert task.status()["state"] == "FAILED"
    assert ee.data.getAsset(name)["type"] in {"CLASSIFIER", "FEATURE_VIEW"}


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
