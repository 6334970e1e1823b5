"""Images and collections to compute with, and what the real client gets for an expression."""

from __future__ import annotations

from typing import Any

import ee
import numpy as np

from geesync.simulator import Simulator
from geesync.simulator.scenarios.landscape import TYPES
from geesync.simulator.world.pixels import SimAsset, SimBand, SimGrid

PLACE = SimGrid("EPSG:32633", (10.0, 0.0, 500000.0, 0.0, -10.0, 5200000.0), 4, 1)
FOLDER = "projects/demo-project/assets"
SERIES = f"{FOLDER}/series"


def put_image(
    simulator: Simulator, name: str, properties: dict[str, Any] | None = None, **bands: Any
) -> str:
    """Put an image of one row of pixels a band: name=(type, values) or (type, values, mask)."""
    made = tuple(_band(band, *told) for band, told in bands.items())
    told = dict(properties or {})
    start = told.pop("start", None)
    asset = SimAsset(
        name=f"{FOLDER}/{name}", type="IMAGE", bands=made, properties=told, start_time=start
    )
    return simulator.world.put(asset).name


def put_collection(simulator: Simulator, name: str = "series") -> str:
    """Put an empty collection."""
    return simulator.world.put(SimAsset(name=f"{FOLDER}/{name}", type="IMAGE_COLLECTION")).name


def _band(name: str, dtype: str, values: list[Any], mask: list[float] | None = None) -> SimBand:
    precision, value_range = TYPES["int16" if dtype == "int64" else dtype]
    if dtype == "int64":
        value_range = (-(2**63), 2**63 - 1)
    array = np.array([values], dtype)
    weights = None if mask is None else np.array([mask], np.float32)
    grid = SimGrid(PLACE.crs, PLACE.transform, len(values), 1)
    return SimBand(name, grid, precision, value_range, lambda: (array, weights))


def rows(image: ee.Image, width: int = 4) -> dict[str, list[Any]]:
    """Return the values of each band on the pixels of such images; masked pixels are None."""
    masks = image.mask()
    both = image.addBands(masks.rename(masks.bandNames().map(_marked)))
    array = pixels(both, width)
    return {
        band: [
            None if mask == 0 else value
            for value, mask in zip(array[band][0].tolist(), array[f"{band}__mask"][0], strict=True)
        ]
        for band in array.dtype.names
        if not band.endswith("__mask")
    }


def _marked(name: Any) -> Any:
    return ee.String(name).cat("__mask")


def pixels(image: ee.Image, width: int = 4) -> Any:
    """Return the array that computePixels answers with for such images."""
    x, _, left, _, y, top = PLACE.transform
    grid = {
        "crsCode": PLACE.crs,
        "affineTransform": {"scaleX": x, "scaleY": y, "translateX": left, "translateY": top},
        "dimensions": {"width": width, "height": 1},
    }
    return ee.data.computePixels({"expression": image, "fileFormat": "NUMPY_NDARRAY", "grid": grid})
