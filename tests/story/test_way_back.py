"""What the mirror holds suffices to make the assets again, by Earth Engine's own ingestion."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import ee
import numpy as np
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from geesync.simulator import CALM, Simulator
from geesync.simulator.world.pixels import SimAsset
from geesync.simulator.world.truth import truth
from tests.story.world import World, a_world

Json = dict[str, Any]
HOME = "projects/earthengine-legacy/assets/users/demo"
PROJECT = "projects/demo-project/assets"
IMAGES = ("elevation", "deep/er/landcover", "scenes/s0000")


@pytest.fixture(scope="module", params=["nodata", "separate"])
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A mirror of the small account, and the client connected to it."""
    folder = tmp_path_factory.mktemp("mirror")
    profile = replace(CALM, mask_entries="many")
    with Simulator("small", profile=profile) as simulator, a_world(simulator, folder) as built:
        for root in ("users/demo", PROJECT):
            built.enqueue(root, masks=request.param)
        built.settle()
        anonymous = AnonymousCredentials()
        ee.Initialize(anonymous, project=simulator.project, url=simulator.earth_engine_url)
        yield built
    ee.Reset()


@pytest.fixture
def upload(world: World) -> Iterator[Any]:
    """Put a file of the mirror into the bucket and return its URI."""
    simulator = world.simulator
    with storage.Client(
        project=simulator.project,
        credentials=AnonymousCredentials(),
        client_options={"api_endpoint": simulator.storage_url},
    ) as client:
        bucket = client.bucket(simulator.bucket)

        def upload(file: Path) -> str:
            name = f"back/{file.relative_to(world.mirror)}"
            bucket.blob(name).upload_from_filename(str(file))
            return f"gs://{bucket.name}/{name}"

        yield upload


def sidecars(folder: Path) -> tuple[Json, Json]:
    """Return what Earth Engine told of the asset, and how the copy was made."""
    return tuple(json.loads((folder / f"{name}.json").read_text()) for name in ("asset", "geesync"))


def told_again(asset: Json, name: str) -> Json:
    kept: Json = {key: asset[key] for key in ("properties", "startTime", "endTime") if key in asset}
    return {**kept, "name": name}


def image_manifest(folder: Path, name: str, upload: Any) -> Json:
    asset, copy = sidecars(folder)
    parts = {part["key"]: part for part in copy["parts"]}
    types = {band["id"]: pixel_type(band["declared"]) for band in copy["bands"]}
    tilesets = [
        {
            "id": key or "all",
            # A file's type may be one step wider, to have room for what no pixel can be.
            **({"dataType": types[part["bands"][0]]} if part["holds"] == "data" else {}),
            "sources": [{"uris": [upload(folder / file["name"])]} for file in part["files"]],
        }
        for key, part in parts.items()
    ]
    bands, masks = [], []
    for band, original in zip(copy["bands"], asset["bands"], strict=True):
        part = parts[band["data_part"]]
        missing = original.get("missingData", {}).get("values", [])
        # What the manifest says takes the place of what the files say.
        values = [*missing, part["nodata"]] if missing and part["nodata"] is not None else missing
        bands.append(
            {
                "id": band["id"],
                "tilesetId": part["key"] or "all",
                "tilesetBandIndex": part["bands"].index(band["id"]),
                "pyramidingPolicy": original.get("pyramidingPolicy", "MEAN"),
                **({"missingData": {"values": values}} if values else {}),
            }
        )
        if band["mask_part"] is not None:
            masks.append({"tilesetId": band["mask_part"], "bandIds": [band["id"]]})
    return {**told_again(asset, name), "tilesets": tilesets, "bands": bands, "maskBands": masks}


def pixel_type(declared: Json) -> str:
    """Return the name that a manifest has for the smallest type of a band's values."""
    if declared["precision"] != "INT":
        return str(declared["precision"])
    low, high = (declared["range"].get(end, 0) for end in ("min", "max"))
    (name, *_) = (
        kind
        for kind in ("uint8", "int8", "uint16", "int16", "uint32", "int32")
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max
    )
    return name.upper()


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_comes_back_with_its_pixels_masks_grids_times_and_properties(
    world: World, upload: Any, image: str
) -> None:
    source, name = f"{HOME}/{image}", f"{PROJECT}/back_{image.replace('/', '_')}"

    answer = ee.data.startIngestion("", image_manifest(world.folder(source), name, upload))

    assert "error" not in ee.data.getOperation(answer["name"])
    original, made = (world.simulator.world.get(each) for each in (source, name))
    assert_same(original, made)
    for key in ("properties", "start_time", "end_time", "geometry"):
        assert getattr(made, key) == getattr(original, key), key


def assert_same(original: SimAsset, made: SimAsset) -> None:
    assert [band.id for band in made.bands] == [band.id for band in original.bands]
    for one, two in zip(original.bands, made.bands, strict=True):
        assert (two.grid, two.dtype) == (one.grid, one.dtype)
        assert two.pyramiding == (one.pyramiding or "MEAN")
        there, back = truth(original, one.id), truth(made, two.id)
        np.testing.assert_allclose(back.mask, there.mask, atol=1e-6)
        valid = there.mask > 0
        np.testing.assert_array_equal(back.values[valid], there.values[valid])


def test_a_table_comes_back_with_its_rows_types_and_geometries(world: World, upload: Any) -> None:
    source, name = f"{PROJECT}/oddities", f"{PROJECT}/back_oddities"
    folder = world.folder(source)
    asset, _ = sidecars(folder)
    rows = json.loads((folder / "oddities.geojson").read_text())["features"]
    columns = {column for row in rows for column in row["properties"]}
    texts = [
        column
        for column in columns
        if all(isinstance(row["properties"].get(column, ""), str) for row in rows)
    ]

    table = {
        **told_again(asset, name),
        "sources": [{"uris": [upload(folder / "oddities.csv")], "primaryGeometryColumn": ".geo"}],
        "columnDataTypeOverrides": dict.fromkeys(texts, "COLUMN_DATA_TYPE_STRING"),
    }
    answer = ee.data.startTableIngestion("back", table)

    assert "error" not in ee.data.getOperation(answer["name"])
    original, made = (world.simulator.world.get(each).features for each in (source, name))
    assert original is not None
    assert made is not None
    for one, two in zip(original(), made(), strict=True):
        assert two.geometry == one.geometry
        # A CSV cannot tell an empty text from none.
        assert two.properties == {key: v for key, v in one.properties.items() if v != ""}
