"""Images that stay in the bucket, as the client makes assets of them."""

from __future__ import annotations

from collections.abc import Callable

import ee
import numpy as np
import pytest

from geesync.simulator import Simulator
from tests.simulator.ingesting import ELEVATION, MADE, ended, exported, simple

Start = Callable[..., Simulator]


def test_an_external_image_shows_what_is_in_the_bucket(start: Start) -> None:
    simulator = start()
    told = simple(simulator)

    ee.data.startExternalImageIngestion({**told, "properties": {"a": 1}})

    made = ee.data.getAsset(MADE)
    (uri,) = made["tilesets"][0]["sources"][0]["uris"]
    assert uri.startswith(f"gs://{simulator.bucket}/plain.tif#")
    assert made["properties"] == {"a": 1}
    original = simulator.world.get(ELEVATION).bands[0]
    np.testing.assert_array_equal(simulator.world.get(MADE).bands[0].load()[0], original.load()[0])


def test_an_external_image_can_be_created_by_its_place(start: Start) -> None:
    simulator = start()
    uris = simple(simulator)["tilesets"][0]["sources"][0]["uris"]

    made = ee.data.createAsset({"type": "Image", "gcs_location": {"uris": uris}}, MADE)

    assert [band["id"] for band in made["bands"]] == ["b1"]
    assert "tilesets" in made


def test_an_external_image_is_broken_by_a_new_file_in_the_place_of_its_own(start: Start) -> None:
    simulator = start()
    ee.data.startExternalImageIngestion(simple(simulator))
    exported(simulator, ee.Image(ELEVATION).toFloat(), "plain")

    answer = ee.data.exportImage(
        "r-9",
        {
            "expression": ee.Image(MADE),
            "fileExportOptions": {
                "cloudStorageDestination": {"bucket": simulator.bucket, "filenamePrefix": "again"}
            },
        },
    )

    assert "Failed to load the GeoTIFF at" in ended(simulator, answer)["error"]["message"]


def test_an_external_image_needs_its_file(start: Start) -> None:
    simulator = start()
    source = {"uris": [f"gs://{simulator.bucket}/none.tif"]}

    with pytest.raises(ee.EEException, match="Failed to load the GeoTIFF"):
        ee.data.startExternalImageIngestion({"name": MADE, "tilesets": [{"sources": [source]}]})
    assert simulator.world.find(MADE) is None
