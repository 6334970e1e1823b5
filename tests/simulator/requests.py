"""A good request for every method of the simulated service, and ways to spoil it."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from geesync.simulator.api.methods import Method
from tests.simulator.conftest import ELEVATION, load_image

PROJECT = "projects/demo-project"
MADE = f"{PROJECT}/assets/made"
GRID = {
    "crsCode": "EPSG:32633",
    "dimensions": {"width": 4, "height": 3},
    "affineTransform": {"scaleX": 30, "scaleY": -30, "translateX": 5e5, "translateY": 5.2e6},
}
TO_BUCKET = {"cloudStorageDestination": {"bucket": "demo-bucket", "filenamePrefix": "out"}}
SOURCE = {"uris": ["gs://demo-bucket/a.tif"]}
TABLE = f"{PROJECT}/assets/stations"
LOADED = {
    "functionInvocationValue": {
        "functionName": "Collection.loadTable",
        "arguments": {"tableId": {"constantValue": TABLE}},
    }
}
STATIONS = {"result": "0", "values": {"0": LOADED}}
SCENES = {
    "result": "0",
    "values": {
        "0": {
            "functionInvocationValue": {
                "functionName": "ImageCollection.load",
                "arguments": {"id": {"constantValue": "users/demo/scenes"}},
            }
        }
    },
}
SELECTED = {
    "result": "1",
    "values": {
        **load_image(ELEVATION)["values"],
        "1": {
            "functionInvocationValue": {
                "functionName": "Image.select",
                "arguments": {
                    "input": {"valueReference": "0"},
                    "bandSelectors": {"constantValue": ["elevation"]},
                },
            }
        },
    },
}
MANIFEST = {
    "name": MADE,
    "tilesets": [{"id": "t", "sources": [SOURCE], "dataType": "INT16", "crs": "EPSG:4326"}],
    "bands": [{"id": "b", "tilesetId": "t", "tilesetBandIndex": 0, "pyramidingPolicy": "MODE"}],
    "maskBands": [{"tilesetId": "t", "bandIds": ["b"]}],
    "missingData": {"values": [0]},
    "properties": {"a": 1, "b": "text"},
    "startTime": "2024-01-01T00:00:00Z",
    "endTime": {"seconds": 1704153600},
    "footprint": {"points": [{"x": 0, "y": 0}, {"x": 1, "y": 0}], "bandId": "b"},
}
ASSET = {"type": "IMAGE_COLLECTION", "properties": {"a": 1}, "startTime": "2024-01-01T00:00:00Z"}

#: By method; those that have no body are not here.
BODIES: dict[str, Any] = {
    "updateConfig": {"maxConcurrentExports": 3},
    "assets.create": ASSET,
    "assets.patch": {
        "asset": {"properties": {"a": 1}, "bands": [{"id": "b"}]},
        "updateMask": "properties.a,bands",
    },
    "assets.copy": {"destinationName": MADE, "bandIds": ["elevation"]},
    "assets.move": {"destinationName": MADE},
    "assets.setIamPolicy": {
        "policy": {"bindings": [{"role": "roles/viewer", "members": ["allUsers"]}]}
    },
    "assets.testIamPermissions": {"permissions": ["earthengine.assets.get"]},
    "assets.getPixels": {"fileFormat": "NPY", "grid": GRID, "bandIds": ["elevation"]},
    "image.computePixels": {"fileFormat": "NPY", "grid": GRID, "expression": SELECTED},
    "image.export": {
        "expression": SELECTED,
        "description": "out",
        "maxPixels": {"value": "1000000"},
        "grid": GRID,
        "requestId": "abc",
        "priority": 100,
        "fileExportOptions": {
            **TO_BUCKET,
            "fileFormat": "GEO_TIFF",
            "geoTiffOptions": {
                "tileDimensions": {"width": 256, "height": 256},
                "tileSize": 256,
                "noData": {"floatValue": -1},
            },
        },
    },
    "image.import": {"imageManifest": MANIFEST, "description": "in", "overwrite": False},
    "image.importExternal": {"imageManifest": MANIFEST},
    "table.export": {
        "expression": STATIONS,
        "selectors": ["name"],
        "fileExportOptions": {**TO_BUCKET, "fileFormat": "CSV"},
    },
    "table.import": {
        "tableManifest": {
            "name": MADE,
            "sources": [
                {
                    "uris": ["gs://demo-bucket/a.csv"],
                    "crs": "EPSG:4326",
                    "csvDelimiter": ",",
                    "maxVertices": 5,
                    "primaryGeometryColumn": ".geo",
                }
            ],
            "columnDataTypeOverrides": {"a": "COLUMN_DATA_TYPE_LONG"},
        }
    },
    "table.computeFeatures": {"expression": STATIONS, "pageSize": 5},
    "imageCollection.computeImages": {"expression": SCENES, "pageSize": 2},
    "value.compute": {"expression": SELECTED},
    "operations.wait": {"timeout": "1s"},
}
NAMES = (PROJECT, f"{PROJECT}/assets", ELEVATION, TABLE, MADE, "users/x")
QUERIES = ("", "0", "1", "-1", "9" * 30, "x", "BASIC", "true", 'properties.a="b" AND startTime>"x"')

odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, -1, 2**31, 2**31 - 1, 2**63, 10**400, 0.5, 1e308]),
    st.sampled_from(["", "(", "Infinity", "NaN", "a/../b", "\x00", "\ud800", "9" * 5000, "soon"]),
    st.sampled_from([[], {}, [[]], {"value": 1}, ["a"] * 50, {"": ""}]),
    st.text(max_size=20),
)


@st.composite
def requests(draw: st.DrawFn, method: Method) -> tuple[str, dict[str, str], Any]:
    """Draw (path, query, body) of a request that is right in most respects."""
    named = st.sampled_from(NAMES) | st.text(min_size=1, max_size=12)
    path = method.path.replace(f"{{+{method.parameter}}}", draw(named))
    query = {name: draw(st.sampled_from(QUERIES)) for name in method.query if draw(st.booleans())}
    return path, query, draw(spoilt(BODIES.get(method.id, {})))


#: What may be asked of Drive, right and wrong.
DRIVE: dict[str, tuple[str, ...]] = {
    "q": (
        "name = 'out.csv' and trashed = false",
        "'root' in parents",
        "name contains 'o' and mimeType != 'a' and 'me' in owners",
        "name = 'a' or name = 'b'",
        "name = '",
        "'\\\\' in parents" * 900,
    ),
    "fields": ("*", "files(id,name)", "nextPageToken,files/md5Checksum", "files(", "id,,size", ")"),
    "pageSize": ("1", "1000", "0", "-1", "9" * 30, "²", "x"),
    "pageToken": ("1", "99999999", "-1", "x", "²"),
    "alt": ("media", "json", "x"),
}
RANGES = ("bytes=0-3", "bytes=5-", "bytes=3-1", "bytes=-5", "bytes=0-1,3-4", "bytes=²-", "x", "")


@st.composite
def drive_requests(draw: st.DrawFn, ids: list[str]) -> tuple[str, str, dict[str, str], Any]:
    """Draw (method, path below ``/drive/v3/``, query, headers) of a request to Drive."""
    file = draw(st.sampled_from([*ids, "root", "no-such-id"]) | st.text(min_size=1, max_size=12))
    path = draw(st.sampled_from(["about", "files", "files/", f"files/{file}", f"x/{file}"]))
    method = draw(st.sampled_from(["GET", "GET", "GET", "DELETE", "POST", "PATCH"]))
    query = {
        name: draw(st.sampled_from(values) | st.text(max_size=12))
        for name, values in DRIVE.items()
        if draw(st.booleans())
    }
    headers = {"range": draw(st.sampled_from(RANGES)).encode()} if draw(st.booleans()) else {}
    return method, path, query, headers


@st.composite
def spoilt(draw: st.DrawFn, body: Any) -> Any:
    """Draw a body that is like this one but for some places."""
    body = copy.deepcopy(body)
    for _ in range(draw(st.integers(0, 3))):
        places = list(_places(body))
        if places:
            holder, key = draw(st.sampled_from(places))
            holder[key] = copy.deepcopy(draw(odd))
    return body


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (what it stands in, its key) of all that stands in a body."""
    keys = (
        value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    for key in keys:
        yield value, key
        yield from _places(value[key])
