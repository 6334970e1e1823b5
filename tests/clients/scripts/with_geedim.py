"""Downloads an image with geedim on its native grid."""

import sys
from pathlib import Path

import ee
import geedim  # noqa: F401 - adds the accessor ``gd``
from google.auth.credentials import AnonymousCredentials

url, project, folder = sys.argv[1:4]
ee.Initialize(AnonymousCredentials(), project=project, url=url)
# An image with an id would be looked up in Google's STAC catalogue, which is in the internet.
image = ee.Image("users/demo/elevation").add(0).toInt16().gd.prepareForExport()
image.gd.toGeoTIFF(Path(folder) / "elevation.tif")
