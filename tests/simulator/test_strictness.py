"""The simulator refuses what the real service is known to refuse, and takes what it takes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ee
import httpx
import pytest
import rasterio
from affine import Affine
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from geesync.simulator import Simulator
from geesync.simulator.wire.tokens import PREFIX
from tests.simulator.conftest import load_image
from tests.simulator.ingesting import ELEVATION, HOME, MADE, ended, exported, simple

Json = dict[str, Any]
Start = Callable[..., Simulator]
PROJECT = "projects/demo-project"
COLLECTION = f"{PROJECT}/assets/all"


def call(simulator: Simulator, method: str, path: str, body: Any = None, who: str = "") -> Any:
    headers = {"authorization": f"Bearer {PREFIX}{who}"} if who else {}
    url = f"{simulator.earth_engine_url}/v1/{path}"
    return httpx.request(method, url, json=body, headers=headers)


def export(name: str = "out", **fields: Any) -> Json:
    target = {"bucket": "demo-bucket", "filenamePrefix": name}
    options = {"cloudStorageDestination": target, **fields.pop("options", {})}
    return {"expression": load_image(ELEVATION), "fileExportOptions": options, **fields}


def to_asset(name: str) -> Json:
    target = {"earthEngineDestination": {"name": name}}
    return {"expression": load_image(ELEVATION), "assetExportOptions": target}


# --- Permissions.


@pytest.fixture
def shared(start: Start) -> Simulator:
    """An account of one owner, who shares one image with a reader and another with a writer."""
    simulator = start(members=("anonymous", "owner"))
    for role, member in (("viewer", "user:reader"), ("editor", "serviceAccount:writer")):
        binding = {"role": f"roles/{role}", "members": [member]}
        simulator.world.set_policy(f"{HOME}/deep/er/landcover", {"bindings": [binding]})
        simulator.world.set_policy(ELEVATION, {"bindings": [binding]})
    return simulator


@pytest.mark.parametrize(
    ("who", "status"), [("owner", 200), ("writer", 200), ("reader", 404), ("stranger", 404)]
)
def test_a_policy_says_who_may_read(shared: Simulator, who: str, status: int) -> None:
    assert call(shared, "GET", ELEVATION, who=who).status_code == status


def test_all_users_are_all(shared: Simulator) -> None:
    world_readable = {"role": "roles/viewer", "members": ["allUsers"]}
    shared.world.set_policy(ELEVATION, {"bindings": [world_readable]})

    assert call(shared, "GET", ELEVATION, who="stranger").status_code == 200
    changed = call(shared, "DELETE", ELEVATION, who="stranger")
    assert (changed.status_code, shared.world.find(ELEVATION) is None) == (403, False)


def test_an_export_reads_with_the_rights_of_who_asked(shared: Simulator) -> None:
    shared.world.permissions.deny(ELEVATION, "earthengine.assets.get", "owner")

    answer = call(shared, "POST", f"{PROJECT}/image:export", export(), who="owner").json()

    error = shared.operations.get(answer["name"]).error
    assert error is not None
    assert "does not exist or caller does not have access" in error[1]


def test_an_export_to_an_asset_needs_the_right_to_create_it(start: Start) -> None:
    simulator = start()
    simulator.world.permissions.deny(f"{PROJECT}/assets", "earthengine.assets.create")

    for path, body in (
        (f"{PROJECT}/image:export", to_asset(MADE)),
        (f"{PROJECT}/assets?assetId=made", {"type": "FOLDER"}),
    ):
        answer = call(simulator, "POST", path, body)
        assert answer.status_code == 403
        assert "earthengine.assets.create" in answer.json()["error"]["message"]


@pytest.mark.parametrize("verb", ["get", "cancel", "delete"])
def test_operations_are_the_project_s(start: Start, verb: str) -> None:
    simulator = start()
    (operation,) = simulator.operations.start_foreign(project=simulator.project, run_s=60)
    simulator.world.permissions.deny(PROJECT, f"earthengine.operations.{verb}")
    how = {"get": "GET", "delete": "DELETE"}.get(verb, "POST")
    path = operation.name + (":cancel" if verb == "cancel" else "")

    assert call(simulator, how, path).status_code == 403


def test_settings_are_the_project_s(start: Start) -> None:
    simulator = start()
    simulator.world.permissions.deny(PROJECT, "earthengine.config.get")

    assert call(simulator, "GET", f"{PROJECT}/config").status_code == 403


@pytest.mark.parametrize(
    ("policy", "status"),
    [
        ({"bindings": [{"role": "roles/viewer", "members": ["user:a@example.com"]}]}, 200),
        ({"bindings": [{"role": "roles/reader", "members": ["user:a@example.com"]}]}, 400),
        ({"bindings": [{"role": "roles/viewer", "members": ["a@example.com"]}]}, 400),
        ({"bindings": [], "etag": "d3Jvbmc="}, 409),
    ],
)
def test_policies_are_judged(start: Start, policy: Json, status: int) -> None:
    answer = call(start(), "POST", f"{ELEVATION}:setIamPolicy", {"policy": policy})

    assert answer.status_code == status


def test_a_policy_with_the_etag_that_was_read_is_taken(start: Start) -> None:
    simulator = start()
    binding = {"role": "roles/viewer", "members": ["allUsers"]}
    call(simulator, "POST", f"{ELEVATION}:setIamPolicy", {"policy": {"bindings": [binding]}})
    read = call(simulator, "POST", f"{ELEVATION}:getIamPolicy", {}).json()

    answer = call(simulator, "POST", f"{ELEVATION}:setIamPolicy", {"policy": read})

    assert answer.status_code == 200


# --- Properties and names.

KEY_WORDS = "Property keys must contain only letters, digits, and underscores"
PROPERTIES = [
    ({"a-b": 1}, KEY_WORDS),
    ({"system:time_start": 1}, KEY_WORDS),
    ({"a" * 111: 1}, "at most 110 characters"),
    ({"a": "x" * 1025}, "at most 1024 bytes"),
    ({"a": "ü" * 513}, "at most 1024 bytes"),
    ({"a": [1]}, "must be strings or numbers"),
    ({"a": True}, "must be strings or numbers"),
]


@pytest.mark.parametrize(("properties", "words"), PROPERTIES)
def test_properties_that_no_asset_can_have_are_refused_wherever_they_are_written(
    start: Start, properties: Json, words: str
) -> None:
    simulator = start()
    told = {**simple(simulator), "properties": properties}
    for write in (
        lambda: ee.data.startIngestion("", told),
        lambda: ee.data.startExternalImageIngestion(told),
        lambda: ee.data.createAsset({"type": "IMAGE_COLLECTION", "properties": properties}, MADE),
        lambda: ee.data.updateAsset(ELEVATION, {"properties": properties}, ["properties"]),
    ):
        with pytest.raises(ee.EEException, match=words):
            write()


@pytest.mark.parametrize("properties", [{"a" * 110: "x" * 1024, "A_9": -1.5}, {"a": "ü" * 512}])
def test_properties_up_to_the_limits_are_taken(start: Start, properties: Json) -> None:
    start()

    made = ee.data.createAsset({"type": "IMAGE_COLLECTION", "properties": properties}, MADE)

    assert made["properties"] == properties


@pytest.mark.parametrize("taken", [False, True])
def test_whether_an_odd_key_can_be_given_later_is_a_knob(start: Start, *, taken: bool) -> None:
    start(odd_keys_patched=taken)

    def patch() -> None:
        ee.data.updateAsset(ELEVATION, {"properties": {"a-b": 1}}, ['properties."a-b"'])

    if taken:
        patch()
    else:
        with pytest.raises(ee.EEException, match=KEY_WORDS):
            patch()
    assert ("a-b" in ee.data.getAsset(ELEVATION)["properties"]) == taken


@pytest.mark.parametrize("when", ["call", "operation"])
def test_a_property_has_one_type_in_a_collection(start: Start, when: str) -> None:
    simulator = start(mixed_types=when)
    ee.data.createAsset({"type": "IMAGE_COLLECTION"}, COLLECTION)
    told = simple(simulator)
    ee.data.startIngestion("", {**told, "name": f"{COLLECTION}/a", "properties": {"k": 1}})
    ee.data.startIngestion("", {**told, "name": f"{COLLECTION}/b", "properties": {"k": 2.5}})
    other = {**told, "name": f"{COLLECTION}/c", "properties": {"k": "text"}}
    words = "does not match the type of the same property"

    if when == "call":
        with pytest.raises(ee.EEException, match=words):
            ee.data.startIngestion("", other)
    else:
        assert words in ended(simulator, ee.data.startIngestion("", other))["error"]["message"]
    assert len(simulator.world.children(COLLECTION)[0]) == 2


def test_collections_hold_images_only(start: Start) -> None:
    start()
    ee.data.createAsset({"type": "IMAGE_COLLECTION"}, COLLECTION)

    for kind in ("FOLDER", "IMAGE_COLLECTION"):
        with pytest.raises(ee.EEException, match="can hold images only"):
            ee.data.createAsset({"type": kind}, f"{COLLECTION}/in")
    with pytest.raises(ee.EEException, match="can hold images only"):
        ee.data.copyAsset(f"{PROJECT}/assets/stations", f"{COLLECTION}/table")


def test_containers_are_not_overwritten(start: Start) -> None:
    simulator = start()
    ee.data.createAsset({"type": "FOLDER"}, f"{PROJECT}/assets/folder")
    words = "Cannot overwrite asset"

    with pytest.raises(ee.EEException, match=words):
        ee.data.copyAsset(ELEVATION, f"{PROJECT}/assets/folder", allowOverwrite=True)
    answer = call(
        simulator, "POST", f"{PROJECT}/assets?assetId=folder&overwrite=true", {"type": "FOLDER"}
    )
    assert words in answer.json()["error"]["message"]


@pytest.mark.parametrize("name", ["a b", "a.tif", "/".join("abcdefghijk"), ""])
def test_names_that_no_asset_can_have_are_refused(start: Start, name: str) -> None:
    simulator = start()
    answer = call(
        simulator, "POST", f"{PROJECT}/image:export", to_asset(f"{PROJECT}/assets/{name}")
    )

    assert answer.status_code == 400


@pytest.mark.parametrize("band", ["1999", "a.b", "x" * 101, "a b"])
def test_ids_that_no_band_of_an_asset_can_have_are_refused(start: Start, band: str) -> None:
    simulator = start()
    words = "Band IDs must start with"
    renamed = ee.Image(ELEVATION).rename([band])

    answer = ee.data.exportImage(
        "r",
        {
            "expression": renamed,
            "assetExportOptions": {"earthEngineDestination": {"name": MADE}},
        },
    )
    with pytest.raises(ee.EEException, match=words):
        ee.data.startIngestion("", {**simple(simulator), "bands": [{"id": band}]})

    assert words in ended(simulator, answer)["error"]["message"]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"description": "x" * 100}, 200),
        ({"description": "x" * 101}, 400),
        ({"workloadTag": "my-tag_1"}, 200),
        ({"workloadTag": "My.Tag"}, 400),
        ({"maxPixels": "many"}, 400),
        ({"options": {"fileFormat": "PNG"}}, 400),
        ({"options": {"geoTiffOptions": {"noData": {"integerValue": "1"}}}}, 400),
        ({"options": {"geoTiffOptions": {"noData": {"floatValue": 1}}}}, 200),
        ({"options": {"geoTiffOptions": {"tileSize": 0}}}, 400),
    ],
)
def test_requests_for_exports_are_judged_as_they_come(
    start: Start, fields: Json, status: int
) -> None:
    assert call(start(), "POST", f"{PROJECT}/image:export", export(**fields)).status_code == status


@pytest.mark.parametrize("prefix", ["a\nb", "x" * 1100])
def test_names_that_no_object_can_have_are_refused(start: Start, prefix: str) -> None:
    answer = call(start(), "POST", f"{PROJECT}/image:export", export(prefix))

    assert answer.status_code == 400


def test_a_longer_description_is_a_knob(start: Start) -> None:
    body = export(description="x" * 200)

    answer = call(start(longest_description=200), "POST", f"{PROJECT}/image:export", body)

    assert answer.status_code == 200


# --- Manifests.


@pytest.mark.parametrize("entries", ["one", "many"])
def test_how_many_masks_a_manifest_may_have_is_a_knob(start: Start, entries: str) -> None:
    simulator = start(mask_entries=entries)
    source = exported(simulator, ee.Image(ELEVATION).toByte(), "bytes")
    tilesets = [{"id": name, "sources": [source]} for name in ("x", "y", "m", "n")]
    bands = [{"id": name, "tilesetId": name} for name in ("x", "y")]
    masks = [{"tilesetId": mask, "bandIds": [band]} for mask, band in (("m", "x"), ("n", "y"))]
    told = {"name": MADE, "tilesets": tilesets, "bands": bands, "maskBands": masks}

    if entries == "one":
        with pytest.raises(ee.EEException, match="At most 1 mask band"):
            ee.data.startIngestion("", told)
    else:
        assert "error" not in ended(simulator, ee.data.startIngestion("", told))


def test_a_mask_beside_data_is_of_bytes(start: Start) -> None:
    simulator = start()
    both = ee.Image(ELEVATION).addBands(ee.Image(ELEVATION).rename("mask"))
    source = exported(simulator, both, "both")
    told = {
        "name": MADE,
        "tilesets": [{"id": "t", "sources": [source]}],
        "maskBands": [{"tilesetId": "t"}],
    }

    error = ended(simulator, ee.data.startIngestion("", told))["error"]

    assert "type Byte" in error["message"]


@pytest.mark.parametrize(
    "told",
    [
        {"startTime": {"seconds": 1706918400}},
        {"start_time": {"seconds": "1706918400"}},
        {"startTime": "2024-02-03T00:00:00Z"},
    ],
)
def test_times_are_taken_as_clients_in_the_wild_send_them(start: Start, told: Json) -> None:
    simulator = start()
    manifest = simple(simulator)

    call(simulator, "POST", f"{PROJECT}/image:import", {"image_manifest": {**manifest, **told}})

    assert ee.data.getAsset(MADE)["startTime"] == "2024-02-03T00:00:00Z"


def test_tables_are_taken_as_clients_in_the_wild_describe_them(start: Start) -> None:
    simulator = start()
    with storage.Client(
        project=simulator.project,
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": simulator.storage_url},
    ) as client:
        client.bucket(simulator.bucket).blob("t.csv").upload_from_string("code,n\n007,7\n")
    source = {
        "uris": f"gs://{simulator.bucket}/t.csv",
        "max_error_meters": 1,
        "simplifyErrorMeters": 1,
    }
    told = {
        "name": MADE,
        "sources": [source],
        "csvColumnDataTypeOverrides": {"code": "CSV_COLUMN_DATA_TYPE_STRING"},
        "policy": {},
    }

    answer = call(simulator, "POST", f"{PROJECT}/table:import", {"tableManifest": told})

    assert "error" not in ended(simulator, answer.json())
    made = simulator.world.get(MADE)
    assert made.features is not None
    assert [row.properties for row in made.features()] == [{"code": "007", "n": 7}]


# --- External images.


def stored(simulator: Simulator, file: Path) -> Json:
    """Put a file into the bucket, and return the manifest of an image of it."""
    with storage.Client(
        project=simulator.project,
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": simulator.storage_url},
    ) as client:
        client.bucket(simulator.bucket).blob(file.name).upload_from_filename(str(file))
    uri = f"gs://{simulator.bucket}/{file.name}"
    return {"name": MADE, "tilesets": [{"sources": [{"uris": [uri]}]}]}


def geotiff(file: Path, edge: int, **profile: Any) -> Path:
    known = {"width": edge, "height": edge, "count": 1, "dtype": "uint8", "crs": "EPSG:32633"}
    transform = Affine(30, 0, 5e5, 0, -30, 5.2e6)
    with rasterio.open(file, "w", driver="GTiff", transform=transform, **{**known, **profile}):
        return file


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        ({"tiled": True, "blockxsize": 512, "blockysize": 512}, None),
        ({}, "must be square"),
        ({"tiled": True, "blockxsize": 128, "blockysize": 128}, "must be square"),
        ({"tiled": True, "crs": None}, "Could not parse a valid CRS"),
    ],
)
def test_external_images_are_in_square_blocks(
    start: Start, tmp_path: Path, profile: Json, words: str | None
) -> None:
    told = stored(start(), geotiff(tmp_path / "a.tif", 600, **profile))

    if words is None:
        ee.data.startExternalImageIngestion(told)
    else:
        with pytest.raises(ee.EEException, match=words):
            ee.data.startExternalImageIngestion(told)


def test_the_header_of_an_external_image_is_at_the_front(start: Start, tmp_path: Path) -> None:
    file = geotiff(tmp_path / "a.tif", 3840, tiled=True)
    with rasterio.open(file, "r+") as raster:
        raster.update_tags(note="x" * 1000)  # its directory has no room in its place any more

    with pytest.raises(ee.EEException, match="first 10000000 bytes"):
        ee.data.startExternalImageIngestion(stored(start(), file))


def test_the_bucket_of_an_external_image_is_near(start: Start) -> None:
    simulator = start(bucket_location="EUROPE-WEST6")

    with pytest.raises(ee.EEException, match="The bucket is in EUROPE-WEST6"):
        ee.data.startExternalImageIngestion(simple(simulator))
