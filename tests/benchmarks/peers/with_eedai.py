"""``… URL PROJECT FOLDER COLLECTION COUNT``: copies images with GDAL's EEDAI driver."""

import os
import sys
from pathlib import Path

import rasterio
import rasterio.shutil

url, project, folder, collection, count = sys.argv[1:6]
os.environ.update(EEDA_URL=f"{url}/v1/", EEDA_BEARER="anyone", GDAL_HTTP_MAX_RETRY="0")
for number in range(int(count)):
    name = f"i{number:04d}"
    target = Path(folder) / f"{name}.tif"
    with rasterio.open(f"EEDAI:{collection}/{name}") as image:
        rasterio.shutil.copy(image, target, driver="GTiff", tiled=True, compress="DEFLATE")
