"""Exports an image with geemap, and reads a value with it."""

import json
import sys
from pathlib import Path

import ee
import geemap
from google.auth.credentials import AnonymousCredentials

url, project, folder = sys.argv[1:4]
ee.Initialize(AnonymousCredentials(), project=project, url=url)
image = ee.Image("users/demo/elevation")
geemap.ee_export_image(
    image, filename=str(Path(folder) / "elevation.tif"), scale=30, region=image.geometry()
)
array = geemap.ee_to_numpy(image, region=image.geometry(), scale=30)
highest = image.reduceRegion(ee.Reducer.max(), image.geometry(), 30).getInfo()
print(json.dumps({"highest": highest, "array": None if array is None else list(array.shape)}))
