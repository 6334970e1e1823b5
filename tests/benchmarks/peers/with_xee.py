"""``… URL PROJECT FOLDER COLLECTION COUNT``: reads the images of a collection with Xee."""

import json
import sys
from pathlib import Path

import ee
import numpy as np
import xarray
from google.auth.credentials import AnonymousCredentials

url, project, folder, collection, count = sys.argv[1:6]
ee.Initialize(AnonymousCredentials(), project=project, url=url)
images = ee.ImageCollection(collection).select(["B4"])
(band,) = ee.Image(f"{collection}/i0000").getInfo()["bands"]
data = xarray.open_dataset(
    images,
    engine="ee",
    crs=band["crs"],
    crs_transform=tuple(band["crs_transform"]),
    shape_2d=tuple(band["dimensions"]),
)
for number in range(int(count)):
    values = data["B4"].isel(time=number).transpose("y", "x").values
    np.save(Path(folder) / f"i{number:04d}.npy", values)
print(json.dumps(dict(data.sizes)))
