"""Expression graphs in the form that Earth Engine's clients send, and accounts to use them on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from geesync.simulator.computing.evaluator import check, evaluate
from geesync.simulator.computing.images import Image, Pixels
from geesync.simulator.computing.scene import Scene
from geesync.simulator.scenarios.landscape import TYPES
from geesync.simulator.world.pixels import MaskArray, PixelArray, SimAsset, SimBand, SimGrid

Node = dict[str, Any]

GRID = SimGrid("EPSG:32633", (10.0, 0.0, 500000.0, 0.0, -10.0, 5200000.0), 4, 3)


def call(function: str, **arguments: Any) -> Node:
    """Return the node of a call; arguments that are no nodes become constants."""
    nodes = {
        name: value
        if isinstance(value, dict) and "functionInvocationValue" in value
        else {"constantValue": value}
        for name, value in arguments.items()
    }
    return {"functionInvocationValue": {"functionName": function, "arguments": nodes}}


def load(asset: str = "a") -> Node:
    """Return the node of ``ee.Image(asset)``."""
    return call("Image.load", id=asset)


def graph(node: Node) -> Node:
    """Return the expression that is one node."""
    return {"result": "0", "values": {"0": node}}


def band(
    values: Any, mask: Any = None, *, dtype: str = "uint8", grid: SimGrid = GRID, name: str = "b"
) -> SimBand:
    """Return a band that holds just these values."""
    precision, value_range = TYPES[dtype]
    shape = (grid.height, grid.width)
    array: PixelArray = np.broadcast_to(np.asarray(values, dtype), shape)
    weights: MaskArray | None = None
    if mask is not None:
        weights = np.broadcast_to(np.asarray(mask, np.float32), shape)
    return SimBand(name, grid, precision, value_range, lambda: (array, weights))


@dataclass(frozen=True)
class Account:
    """Assets by their ids, and the images of collections."""

    assets: dict[str, SimAsset]

    def lookup(self, asset_id: str) -> SimAsset:
        return self.assets[asset_id]

    def images(self, name: str) -> Iterator[SimAsset]:
        below = name.rpartition("/")[2] + "/"
        return (asset for key, asset in self.assets.items() if key.startswith(below))


def account(**assets: SimAsset) -> Account:
    """Return an account that has these assets."""
    return Account(assets)


def image(*bands: SimBand) -> SimAsset:
    """Return an image."""
    return SimAsset(name="projects/demo-project/assets/a", type="IMAGE", bands=bands)


def evaluated(node: Node, *bands: SimBand) -> Image:
    """Return what a node is if asset ``a`` is an image of these bands."""
    expression = graph(node)
    check(expression)
    result = evaluate(expression, Scene(account(a=image(*bands))))
    assert isinstance(result, Image)
    return result


def pixels(result: Image, grid: SimGrid = GRID) -> Pixels:
    """Return what the first band has on a grid."""
    return result.bands[0].read(grid)
