"""Functions that compute each pixel of one image with that of another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from geesync.simulator.computing.arguments import Args, Function, refused, want
from geesync.simulator.computing.images import Band, Image, Pixels, PixelType
from geesync.simulator.computing.scene import Scene
from geesync.simulator.world.pixels import PixelArray, SimGrid

TRUTH = PixelType("INT", (0, 1))
LONG = PixelType("INT", (-(2**63), 2**63 - 1))

Compute = Callable[[PixelArray, PixelArray], PixelArray]


def _both(name: str, compute: Compute, kind: PixelType, _: Scene, args: Args) -> Image:
    first, second = (want(name, args, key, Image) for key in ("image1", "image2"))
    if 1 not in {len(first.bands), len(second.bands)} and len(first.bands) != len(second.bands):
        raise refused(f"{name}: Images must have the same number of bands, or one of them one.")
    named = first if len(first.bands) >= len(second.bands) else second
    bands = (
        replace(_computed(first.band(index), second.band(index), compute, kind), id=band.id)
        for index, band in enumerate(named.bands)
    )
    return Image(tuple(bands))


def _computed(one: Band, other: Band, compute: Compute, kind: PixelType) -> Band:
    """Return a band that is masked where one of the two is."""

    def read(target: SimGrid) -> Pixels:
        (left, left_mask), (right, right_mask) = one.read(target), other.read(target)
        return Pixels(compute(left, right), np.minimum(left_mask, right_mask))

    extent = one.extent if one.extent is not None else other.extent
    return replace(one, read=read, type=kind, extent=extent)


def _whole(compute: Compute) -> Compute:
    """Return a computation of 64-bit integers."""
    return lambda left, right: compute(left.astype(np.int64), right.astype(np.int64))


def _differ(left: PixelArray, right: PixelArray) -> PixelArray:
    different: PixelArray = (left != right).astype(np.uint8)
    return different


_PAIRS: dict[str, tuple[Compute, PixelType]] = {
    "Image.neq": (_differ, TRUTH),
    "Image.bitwiseAnd": (_whole(np.bitwise_and), LONG),
    "Image.rightShift": (_whole(np.right_shift), LONG),
}

ARITHMETIC: dict[str, Function] = {
    name: Function(partial(_both, name, compute, kind), ("image1", "image2"))
    for name, (compute, kind) in _PAIRS.items()
}
