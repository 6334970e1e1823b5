"""Files that exports have written, and what is made of them."""

from __future__ import annotations

from typing import Any

import ee

from geesync.simulator import Simulator

Json = dict[str, Any]
HOME = "projects/earthengine-legacy/assets/users/demo"
ELEVATION = f"{HOME}/elevation"
MADE = "projects/demo-project/assets/made"


def exported(
    simulator: Simulator, image: Any, prefix: str, grid: Json | None = None, **options: Any
) -> Json:
    """Export an image; return the source of its files, if it is one file."""
    body = {
        "expression": image,
        "description": prefix,
        "maxPixels": "1000000000",
        "fileExportOptions": {
            "fileFormat": "GEO_TIFF",
            "cloudStorageDestination": {"bucket": simulator.bucket, "filenamePrefix": prefix},
            "geoTiffOptions": options,
        },
        **({"grid": grid} if grid else {}),
    }
    answer = ee.data.exportImage(ee.data.newTaskId()[0], body)
    assert "error" not in ee.data.getOperation(answer["name"])
    return {"uris": [f"gs://{simulator.bucket}/{prefix}.tif"]}


def ended(simulator: Simulator, answer: Json) -> Json:
    """Return an operation that has ended."""
    operation: Json = ee.data.getOperation(answer["name"])
    assert operation["done"], simulator.operations.all()
    return operation


def simple(simulator: Simulator, name: str = MADE) -> Json:
    source = exported(simulator, ee.Image(ELEVATION), "plain")
    simulator.operations.settle()
    return {"name": name, "tilesets": [{"sources": [source]}]}
