"""Reads every band of images with GDAL's EEDAI driver, as rasterio's wheel has it."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import rasterio

url, _, folder, *names = sys.argv[1:]
os.environ.update(EEDA_URL=f"{url}/v1/", EEDA_BEARER="anyone", GDAL_HTTP_MAX_RETRY="0")
driver = rasterio.gdal_version()


def read(dataset: str) -> dict[str, np.ndarray]:
    """Return all bands by their names."""
    with rasterio.open(dataset) as image:
        if image.subdatasets:
            return {k: v for part in image.subdatasets for k, v in read(part).items()}
        return {name: image.read(index) for index, name in enumerate(image.descriptions, 1)}


for number, name in enumerate(names):
    np.savez(Path(folder) / f"{number}.npz", **read(f"EEDAI:{name}"))
print(json.dumps({"gdal": driver}))
