"""``… URL PROJECT FOLDER COLLECTION COUNT``: downloads images with geedim on their own grid."""

import sys
from pathlib import Path

import ee
import geedim  # noqa: F401 - adds the accessor ``gd``
from google.auth.credentials import AnonymousCredentials

url, project, folder, collection, count = sys.argv[1:6]
ee.Initialize(AnonymousCredentials(), project=project, url=url)
for number in range(int(count)):
    # An image with an id would be looked up in Google's STAC catalogue, which is in the internet.
    image = ee.Image(f"{collection}/i{number:04d}").add(0).toUint16().rename("B4")
    image.gd.prepareForExport().gd.toGeoTIFF(Path(folder) / f"i{number:04d}.tif")
