"""Small accounts made of arrays."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geesync.simulator.scenarios import Tree
from geesync.simulator.scenarios.landscape import TYPES
from geesync.simulator.simulator import Simulator
from geesync.simulator.world.pixels import SimAsset, SimBand, SimGrid

#: The integers that no export holds, too.
_ALL_TYPES = {**TYPES, "int64": ("INT", (-(2**63), 2**63 - 1))}

HOME = "projects/earthengine-legacy/assets/users/x"


def a_band(
    band_id: str,
    values: NDArray[Any],
    mask: NDArray[Any] | None = None,
    *,
    declared: tuple[int, int] | None = None,
) -> SimBand:
    """Return a band of these values; mask: 0 to 1, None is all valid."""
    precision, limits = _ALL_TYPES[str(values.dtype)]
    height, width = values.shape
    grid = SimGrid("EPSG:32633", (30.0, 0.0, 500_000.0, 0.0, -30.0, 5_000_000.0), width, height)
    soft = None if mask is None else mask.astype(np.float32)
    return SimBand(band_id, grid, precision, declared or limits, load=lambda: (values, soft))


def an_image(name: str, *bands: SimBand) -> SimAsset:
    """Return an image below ``users/x``."""
    return SimAsset(f"{HOME}/{name}", "IMAGE", update_time="2024-01-01T00:00:00Z", bands=bands)


def an_account(*assets: SimAsset) -> Tree:
    """Return an account with these assets in ``users/x``."""
    return Tree("made", "demo-project", [SimAsset(HOME, "FOLDER"), *assets])


def bucket_is(simulator: Simulator, **properties: object) -> None:
    """Let the bucket say this of itself."""
    body = json.dumps({"name": simulator.bucket, **properties})
    path = rf"/b/{simulator.bucket}(\?|$)"
    headers = {"content-type": "application/json"}
    simulator.faults.add(
        "html", server="storage", path=path, status=200, body=body, headers=headers, count=None
    )
