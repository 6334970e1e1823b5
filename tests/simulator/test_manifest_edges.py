"""What an ingestion refuses at its edges: by the call, or by the operation, in plain words."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
import rasterio
from affine import Affine

from geesync.simulator import Simulator

Json = dict[str, Any]
PROJECT = "projects/demo-project"
URI, CSV = "gs://demo-bucket/a.tif", "gs://demo-bucket/{}.csv"
TABLES = {
    "points": "x,y,n\n1,2,3\n",
    "others": "x,y,m\n1,2,3\n",
    "twice": "n,n\n1,2\n",
    "nothing": "",
}


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    content = io.BytesIO()
    with rasterio.MemoryFile() as file:
        place = {"crs": "EPSG:4326", "transform": Affine(0.01, 0, 10, 0, -0.01, 50)}
        with file.open(
            driver="GTiff", width=8, height=8, count=1, dtype="uint8", **place
        ) as raster:
            raster.write(np.ones((1, 8, 8), np.uint8))
        content.write(file.read())
    objects = {"a.tif": content.getvalue()}
    objects |= {f"{name}.csv": text.encode() for name, text in TABLES.items()}
    with Simulator("small") as running:
        for name, told in objects.items():
            url = f"{running.storage_url}/upload/storage/v1/b/{running.bucket}/o"
            asked = {"uploadType": "media", "name": name}
            httpx.post(url, params=asked, content=told).raise_for_status()
        yield running


def asked(simulator: Simulator, method: str, body: Json) -> tuple[str, str]:
    """Return who refused it, the call or the operation, and why."""
    url = f"{simulator.earth_engine_url}/v1/"
    answer = httpx.post(f"{url}{PROJECT}/{method}", content=json.dumps(body)).json()
    if "error" in answer:
        assert answer["error"]["code"] == 400
        return "call", answer["error"]["message"]
    error = httpx.get(f"{url}{answer['name']}").json()["error"]
    assert error["code"] == 3, error
    return "operation", error["message"]


def tileset(crs: str = "", source: Json | None = None, **fields: Any) -> Json:
    told = {"sources": [{"uris": [URI], **(source or {})}], **fields}
    return {**told, **({"crs": crs} if crs else {})}


def ring(*points: tuple[Any, Any]) -> list[Json]:
    return [{"x": x, "y": y} for x, y in points]


BAND = [{"id": "b", "tilesetId": "t"}]
CORNERS = ring((0, 0), (4, 0), (4, 4))


@pytest.mark.parametrize(
    ("manifest", "who", "words"),
    [
        ({"tilesets": [tileset("EPSG:99999")]}, "operation", "could not be parsed: EPSG:99999"),
        ({"tilesets": [tileset("nonsense")]}, "operation", "could not be parsed: nonsense"),
        (
            {"tilesets": [tileset(source={"affineTransform": {"scaleX": 0, "scaleY": 1}})]},
            "operation",
            "cannot be inverted",
        ),
        ({"tilesets": [tileset(id="a")], "bands": BAND}, "call", "Unknown tileset 't'"),
        (
            {"tilesets": [tileset(id="a")], "maskBands": [{"tilesetId": "t"}]},
            "call",
            "Unknown tileset 't'",
        ),
        ({"tilesets": [tileset()], "footprint": {"points": CORNERS[:2]}}, "call", "footprint"),
        (
            {"tilesets": [tileset()], "footprint": {"points": ring(("NaN", 0))}},
            "call",
            "TYPE_DOUBLE",
        ),
        (
            {
                "tilesets": [tileset(id="t")],
                "bands": BAND,
                "footprint": {"points": CORNERS, "bandId": "q"},
            },
            "call",
            "Unknown band 'q'",
        ),
    ],
)
def test_the_manifest_of_an_image_is_judged(
    simulator: Simulator, manifest: Json, who: str, words: str
) -> None:
    told: Json = {"name": f"{PROJECT}/assets/made", **manifest}

    found = asked(simulator, "image:import", {"imageManifest": told})

    assert found[0] == who, found
    assert words in found[1]
    assert simulator.world.find(told["name"]) is None


def csv(name: str = "points", **fields: Any) -> Json:
    return {"uris": [CSV.format(name)], **fields}


@pytest.mark.parametrize(
    ("sources", "who", "words"),
    [
        ([csv("nothing")], "operation", "no columns"),
        ([csv("twice")], "operation", "column 'n' twice"),
        ([csv("points"), csv("others")], "operation", "the same columns"),
        ([csv(xColumn="q", yColumn="y")], "operation", "no column 'q'"),
        ([csv(xColumn="x", yColumn="q")], "operation", "no column 'q'"),
        ([csv("absent")], "operation", "absent.csv"),
        ([csv(dateFormat="yyyy")], "call", "does not have"),
        ([csv(maxVertices=5)], "call", "does not have"),
        ([csv(maxVertices=-1)], "call", "must not be negative"),
        ([csv(maxErrorMeters=-1)], "call", "must not be negative"),
        ([csv(crs="nonsense", xColumn="x", yColumn="y")], "operation", "could not be parsed"),
    ],
)
def test_the_manifest_of_a_table_is_judged(
    simulator: Simulator, sources: list[Json], who: str, words: str
) -> None:
    told: Json = {"name": f"{PROJECT}/assets/made", "sources": sources}

    found = asked(simulator, "table:import", {"tableManifest": told})

    assert found[0] == who, found
    assert words in found[1]
    assert "GeoTIFF" not in found[1]
    assert simulator.world.find(told["name"]) is None
