"""Opens a collection with Xee and reads some pixels of it."""

import json
import sys

import ee
import xarray
from google.auth.credentials import AnonymousCredentials

url, project, _ = sys.argv[1:4]
ee.Initialize(AnonymousCredentials(), project=project, url=url)
collection = ee.ImageCollection("users/demo/scenes").select(["B4"])
data = xarray.open_dataset(
    collection,
    engine="ee",
    crs="EPSG:32632",
    crs_transform=(10, 0, 461630, 0, -10, 5149720),
    shape_2d=(60, 36),
)
print(data)
first = data["B4"].isel(time=0).transpose("y", "x").values
print(json.dumps({"sizes": dict(data.sizes), "first": first.tolist()}).replace("NaN", "null"))
