"""Ingestion as people do it: the client's calls, and files that exports have written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import ee
import numpy as np
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from geesync.simulator import Simulator, always
from geesync.simulator.scenarios import load_scenario
from geesync.simulator.scenarios.tree import walk
from geesync.simulator.tasks.operation import State
from geesync.simulator.world.pixels import SimAsset
from geesync.simulator.world.truth import truth
from tests.simulator.ingesting import ELEVATION, HOME, MADE, Json, ended, exported, simple

Start = Callable[..., Simulator]


def manifest(simulator: Simulator, asset: Json) -> Json:
    """Export an image band by band, with masks, and return the manifest that makes it again."""
    tilesets, bands, masks = [], [], []
    for band in asset["bands"]:
        name, grid = band["id"], band["grid"]
        image = ee.Image(asset["name"]).select([name])
        data = exported(simulator, image.unmask(0), name, grid)
        mask = exported(simulator, image.mask(), f"{name}-mask", grid)
        crs = {"crs": grid["crsWkt"]} if "crsWkt" in grid else {}
        tilesets += [
            {"id": name, **crs, "sources": [data]},
            {"id": f"{name}-mask", **crs, "sources": [mask]},
        ]
        kept = {key: band[key] for key in ("pyramidingPolicy", "missingData") if key in band}
        bands.append({"id": name, "tilesetId": name, **kept})
        masks.append({"tilesetId": f"{name}-mask", "bandIds": [name]})
    told: Json = {key: asset[key] for key in ("properties", "startTime", "endTime") if key in asset}
    return {**told, "name": MADE, "tilesets": tilesets, "bands": bands, "maskBands": masks}


def same_pixels(first: SimAsset, second: SimAsset) -> bool:
    for band in first.bands:
        one, two = truth(first, band.id), truth(second, band.id)
        valid = one.mask > 0
        np.testing.assert_allclose(one.mask, two.mask, atol=1e-6)
        np.testing.assert_array_equal(one.values[valid], two.values[valid])
    return [band.id for band in first.bands] == [band.id for band in second.bands]


IMAGES = [
    "users/demo/elevation",
    "users/demo/deep/er/landcover",
    "users/demo/scenes/s0001",
    "projects/demo-project/assets/pixel",
]


@pytest.mark.parametrize("source", IMAGES)
def test_an_image_that_was_exported_can_be_made_again(start: Start, source: str) -> None:
    simulator = start(mask_entries="many")
    asset = ee.data.getAsset(source)

    answer = ee.data.startIngestion("r-1", manifest(simulator, asset))

    made = ee.data.getAsset(MADE)
    assert ended(simulator, answer)["metadata"]["type"] == "INGEST_IMAGE"
    assert same_pixels(simulator.world.lookup(source), simulator.world.get(MADE))
    for key in ("properties", "startTime", "endTime", "sizeBytes", "geometry"):
        assert made.get(key) == asset.get(key), key
    for band, original in zip(made["bands"], asset["bands"], strict=True):
        assert band["grid"] == original["grid"]
        assert band["dataType"]["precision"] == original["dataType"]["precision"]
        assert band["pyramidingPolicy"] == original.get("pyramidingPolicy", "MEAN")
        assert band.get("missingData") == original.get("missingData")
    assert made["updateTime"] > asset["updateTime"]


def hard_images() -> Iterator[SimAsset]:
    """Yield images that are odd in their grid, type or mask, but for those that no file holds."""
    for asset in walk(load_scenario("demo")):
        odd = any(f"/{folder}/" in asset.name for folder in ("types", "shapes", "masks", "mixed"))
        empty = any(not truth(asset, band.id).mask.any() for band in asset.bands)
        if odd and not empty and not any(band.array_dimensions for band in asset.bands):
            yield asset


def test_hard_images_can_be_made_again_too(start: Start) -> None:
    simulator = start("demo", mask_entries="many")
    images = [asset for asset in hard_images() if asset.bands]

    for asset in images:
        told = manifest(simulator, ee.data.getAsset(asset.name))
        answer = ee.data.startIngestion("", told, allow_overwrite=True)

        assert "error" not in ended(simulator, answer), asset.name
        assert same_pixels(asset, simulator.world.get(MADE)), asset.name
    assert len(images) > 15


def test_tiles_of_a_split_export_are_one_image(start: Start) -> None:
    simulator = start("small", file_edge=32)
    exported(simulator, ee.Image(ELEVATION), "split")
    with storage_client(simulator) as client:
        names = [blob.name for blob in client.list_blobs(simulator.bucket)]

    sources = [{"uris": [name]} for name in names]
    told: Json = {"name": MADE, "tilesets": [{"sources": sources}]}
    told["uriPrefix"] = f"gs://{simulator.bucket}/"
    answer = ee.data.startIngestion("r-1", told)

    assert len(names) == 4
    assert "error" not in ended(simulator, answer)
    original = simulator.world.get(ELEVATION).bands[0]
    made = simulator.world.get(MADE).bands[0]
    assert (made.id, made.grid) == ("b1", original.grid)
    np.testing.assert_array_equal(made.load()[0], original.load()[0])


def storage_client(simulator: Simulator) -> Any:
    return storage.Client(
        project=simulator.project,
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": simulator.storage_url},
    )


def test_it_takes_its_time_and_the_asset_is_there_at_the_end_only(start: Start) -> None:
    simulator = start(import_s=always(600), asset_lag_s=(30, 30))
    told = simple(simulator)
    answer = ee.data.startIngestion("r-1", told)

    simulator.advance(599)
    running = ee.data.getOperation(answer["name"])["metadata"]["state"]
    simulator.advance(1)
    early = simulator.world.find(MADE)
    operation = ended(simulator, answer)
    simulator.advance(30)

    assert (running, operation["metadata"]["state"]) == ("RUNNING", "SUCCEEDED")
    assert operation["metadata"]["description"] == f'Ingest image: "{MADE}"'
    assert operation["metadata"]["destinationUris"] == [
        f"https://code.earthengine.google.com/?asset={MADE}"
    ]
    assert early is None
    assert ee.data.getAsset(MADE)["updateTime"].startswith("2026-01-01T00:10:30")


def test_imports_wait_for_no_export(start: Start) -> None:
    simulator = start(run_s=always(0), import_s=always(60), running_slots=1, import_slots=1)
    told = simple(simulator)
    simulator.operations.start_foreign(3, project=simulator.project, run_s=3600)

    first = ee.data.startIngestion("r-1", told)
    second = ee.data.startIngestion("r-2", {**told, "name": f"{MADE}2"})
    simulator.advance(60)

    states = [
        ee.data.getOperation(answer["name"])["metadata"]["state"] for answer in (first, second)
    ]
    assert states == ["SUCCEEDED", "RUNNING"]


def test_the_audit_tells_what_was_made_of_what(start: Start) -> None:
    simulator = start()
    told = simple(simulator)

    for _ in range(2):
        ee.data.startIngestion("r-1", told, allow_overwrite=True)

    first, second = simulator.audit.records("import")
    assert first.details["sources"] == [f"gs://{simulator.bucket}/plain.tif"]
    assert (first.details["asset"], first.details["type"]) == (MADE, "INGEST_IMAGE")
    assert first.details["body_hash"] == second.details["body_hash"]
    # The client sends no request id with images, so that a repeat is another ingestion.
    assert first.details["request_id"] == ""


def test_a_lost_answer_makes_the_client_ingest_an_image_twice(start: Start) -> None:
    simulator = start(import_s=always(60))
    told = simple(simulator)
    ee.data.setMaxRetries(1)
    lost = simulator.faults.add("drop_response", method="POST", path="image:import")

    ee.data.startIngestion("r-1", told)
    simulator.advance(120)

    assert lost.fired == 1
    states = [op.state for op in simulator.operations.all() if op.task.type == "INGEST_IMAGE"]
    assert sorted(states) == [State.FAILED, State.SUCCEEDED]


def test_a_table_is_known_by_its_request_id(start: Start) -> None:
    simulator = start()
    told = table(simulator)

    first = ee.data.startTableIngestion("r-1", told)
    second = ee.data.startTableIngestion("r-1", told)

    assert first["id"] == second["id"]
    assert simulator.audit.count("import") == 1


@pytest.mark.parametrize("checks", ["call", "operation"])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        (ELEVATION, "Cannot overwrite asset"),
        (f"{HOME}/no/where", "does not exist or doesn't allow"),
        (f"{ELEVATION}/below", "is not a folder or collection"),
    ],
)
def test_a_place_that_is_taken_or_not_there_is_refused(
    start: Start, checks: str, name: str, words: str
) -> None:
    simulator = start(import_checks=checks, missing_parent=checks)
    told = simple(simulator, name)

    if checks == "call":
        with pytest.raises(ee.EEException, match=words):
            ee.data.startIngestion("r-1", told)
        assert not simulator.audit.count("import")
    else:
        error = ended(simulator, ee.data.startIngestion("r-1", told))["error"]
        assert words in error["message"]


def test_a_file_that_is_not_there_fails_the_operation(start: Start) -> None:
    simulator = start()
    told = simple(simulator)
    for uri in (f"gs://{simulator.bucket}/none.tif", "gs://nobody-s/a.tif"):
        told["tilesets"] = [{"sources": [{"uris": [uri]}]}]

        error = ended(simulator, ee.data.startIngestion("r-1", told))["error"]

        assert error == {"code": 3, "message": f"Failed to load the GeoTIFF at '{uri}'."}


def test_another_generation_of_a_file_is_not_taken(start: Start) -> None:
    simulator = start()
    told = simple(simulator)
    told["tilesets"] = [{"sources": [{"uris": [f"gs://{simulator.bucket}/plain.tif#1"]}]}]

    assert "error" in ended(simulator, ee.data.startIngestion("r-1", told))


def test_who_may_not_import_is_told_so(start: Start) -> None:
    simulator = start()
    simulator.world.permissions.deny(permission="earthengine.imports.create")

    with pytest.raises(ee.EEException, match=r"Permission 'earthengine\.imports\.create'"):
        ee.data.startIngestion("r-1", simple(simulator))


# --- Tables.


def table(simulator: Simulator, name: str = "oddities", columns: tuple[str, ...] = ()) -> Json:
    """Export a table as CSV and return the manifest that makes it again."""
    body = {
        "expression": ee.FeatureCollection(f"projects/demo-project/assets/{name}"),
        "description": name,
        **({"selectors": list(columns)} if columns else {}),
        "fileExportOptions": {
            "fileFormat": "CSV",
            "cloudStorageDestination": {"bucket": simulator.bucket, "filenamePrefix": name},
        },
    }
    ee.data.exportTable(f"e-{name}", body)
    source = {"uris": [f"gs://{simulator.bucket}/{name}.csv"], "primaryGeometryColumn": ".geo"}
    return {"name": MADE, "sources": [source]}


ALL = ("system:index", "code", "name", "value", "count", "sometimes", ".geo")


@pytest.mark.parametrize("index", ["kept", "new"])
def test_a_table_that_was_exported_can_be_made_again(start: Start, index: str) -> None:
    simulator = start(imported_index=index)
    told = table(simulator, columns=ALL)
    texts = ("code", "name", "sometimes")
    told["columnDataTypeOverrides"] = dict.fromkeys(texts, "COLUMN_DATA_TYPE_STRING")

    answer = ee.data.startTableIngestion("r-1", {**told, "properties": {"from": "a mirror"}})

    assert ended(simulator, answer)["metadata"]["type"] == "INGEST_TABLE"
    made = ee.data.getAsset(MADE)
    assert (made["type"], made["featureCount"]) == ("TABLE", "24")
    assert made["properties"] == {"from": "a mirror"}
    original = simulator.world.lookup("projects/demo-project/assets/oddities")
    assert original.features is not None
    for row, first in zip(rows(simulator), original.features(), strict=True):
        assert row.geometry == first.geometry
        # A CSV cannot tell an empty text from none.
        assert row.properties == {k: v for k, v in first.properties.items() if v != ""}


def rows(simulator: Simulator) -> Any:
    made = simulator.world.get(MADE)
    assert made.features is not None
    return made.features()


def test_texts_that_look_like_numbers_become_some_unless_declared(start: Start) -> None:
    simulator = start()

    ee.data.startTableIngestion("r-1", table(simulator, columns=("code", ".geo")))

    assert [row.properties["code"] for row in rows(simulator)][:3] == [0, 1, 2]
