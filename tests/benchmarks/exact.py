"""``… SCENARIO COLLECTION FOLDER``: how many pixels of copies are wrong; a process of its own.

Copies are files whose path holds the id of an image: GeoTIFFs, or arrays whose NaN are masked.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from geesync.simulator.scenarios import load_scenario
from geesync.simulator.world.names import canonical
from geesync.simulator.world.truth import compare, truth


def main(scenario: str, collection: str, folder: Path) -> None:
    """Print ``{"images": …, "values": …, "masks": …, "type": …}``: wrong ones, in pixels."""
    account = load_scenario(scenario)
    found: dict[str, Any] = {"images": 0, "values": 0, "masks": 0, "type": ""}
    for name in account.children(canonical(collection)):
        asset = account.find(name)
        assert asset is not None
        index = name.rpartition("/")[2]
        files = [file for file in folder.rglob("*.[tn][ip][fy]") if index in str(file)]
        found["images"] += bool(files)
        for file in files:
            if file.suffix == ".npy":
                values, mask = truth(asset, "B4")
                copied = np.load(file)
                valid = mask > 0
                wrong = int((valid & (copied != values)).sum())
                masks = int((valid == np.isnan(copied)).sum())
                kind = str(copied.dtype)
            else:
                (check,) = compare([file], asset)
                wrong, masks = (
                    check.wrong + check.pixels - check.covered,
                    check.lost + check.unmarked,
                )
                kind = _type(file)
            found["values"] += wrong
            found["masks"] += masks
            found["type"] = kind
    print(json.dumps(found))


def _type(file: Path) -> str:
    import rasterio  # noqa: PLC0415 - as late as it is needed

    with rasterio.open(file) as dataset:
        return str(dataset.dtypes[0])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
