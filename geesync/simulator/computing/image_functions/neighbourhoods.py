"""Functions of Earth Engine that calculate a pixel from those around it.

The neighbours are pixels of the output, as everywhere: whoever asks says which pixels there are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from geesync.simulator.computing.arguments import functions, refused
from geesync.simulator.computing.image_functions.kernels import Kernel, named_kernel
from geesync.simulator.computing.images import Band, Image, Pixels, one_of, remembered
from geesync.simulator.computing.pixel_types import PixelType
from geesync.simulator.computing.projections import Projection
from geesync.simulator.computing.reducing.reducer_kinds import simple
from geesync.simulator.computing.reducing.reducers import MOST_BYTES, Output, Reducer, Stack
from geesync.simulator.computing.scene import Scene
from geesync.simulator.refusals import RESOURCE_EXHAUSTED, ExportRefused
from geesync.simulator.world.pixels import PixelArray, SimGrid

MOST_ITERATIONS = 100
MOST_BANDS = 10_000

Weigh = Callable[[PixelArray, PixelArray], PixelArray]  #: of a mask and a kernel's weight

WEIGHTS: dict[str, Weigh] = {
    "kernel": lambda mask, weight: (mask > 0) * weight,
    "mask": lambda mask, _: mask,
    "min": np.minimum,
}


def _around(band: Band, kernel: Kernel, target: SimGrid, weigh: Weigh) -> tuple[Stack, Pixels]:
    """Return the neighbours of each pixel of a target that count, and the pixels themselves."""
    projection = Projection(target.crs, target.transform)
    weights = kernel.weights(projection.nominal_scale_m)
    down, right = (edge // 2 for edge in weights.shape)
    height, width = target.height, target.width
    if np.count_nonzero(weights) * width * height * 8 > MOST_BYTES:
        raise ExportRefused(RESOURCE_EXHAUSTED, "User memory limit exceeded.")
    wide = projection.grid(-right, -down, width + 2 * right, height + 2 * down)
    values, mask = band.read(wide)
    if values.ndim > 2:  # noqa: PLR2004 - a plane
        raise refused("The simulator has neighbourhoods of scalar bands only, not of arrays.")
    exact = values.astype(np.int64 if values.dtype.kind in "iu" else np.float64)

    def moved(array: PixelArray, row: int, column: int) -> PixelArray:
        return array[row : row + height, column : column + width]

    places = np.argwhere(weights)
    stack = Stack(
        np.array([moved(exact, *place) for place in places]),
        np.array([weigh(moved(mask, *place), weights[tuple(place)]) for place in places], float),
    )
    return stack, Pixels(moved(exact, down, right), moved(mask, down, right))


def _bands(
    inputs: Sequence[Band],
    names: Sequence[str],
    reducer: Reducer,
    read: Callable[[SimGrid], tuple[Sequence[Output], PixelArray]],
) -> list[Band]:
    """Return the bands that a reducer makes of neighbours; read: its outputs, and a mask."""
    kind: PixelType = inputs[0].type
    for band in inputs[1:]:
        kind = kind.union(band.type)

    def reduced(target: SimGrid) -> list[Pixels]:
        outputs, mask = read(target)
        return [
            Pixels(typed(kind).convert(np.asarray(out.values)), (mask * out.valid).astype("f4"))
            for typed, out in zip(reducer.types, outputs, strict=True)
        ]

    made = remembered(reduced)
    return [
        replace(inputs[0], id=name, type=typed(kind), read=one_of(made, index))
        for index, (name, typed) in enumerate(zip(names, reducer.types, strict=True))
    ]


def _reduce_neighborhood(
    image: Image,
    reducer: Reducer,
    kernel: Kernel,
    input_weight: str = "kernel",
    *,
    skip_masked: bool = True,
    optimization: str | None = None,
) -> Image:
    del optimization  # it changes how fast, not what
    if input_weight not in WEIGHTS:
        raise refused(f"Image.reduceNeighborhood: Unrecognized inputWeight '{input_weight}'.")
    if reducer.is_list or any(map(reducer.dimensions, range(len(reducer.outputs)))):
        raise refused("Image.reduceNeighborhood: The simulator has reducers to numbers only here.")

    def reading(bands: Sequence[Band]) -> Any:
        def read(target: SimGrid) -> tuple[Sequence[Output], PixelArray]:
            found = [_around(band, kernel, target, WEIGHTS[input_weight]) for band in bands]
            centre = np.minimum.reduce([pixels.mask for _, pixels in found])
            mask = centre if skip_masked else np.ones_like(centre)
            return reducer.reduce([stack for stack, _ in found]), mask

        return read

    if reducer.inputs == 1:
        made = []
        for band in image.bands:
            names = [f"{band.id}_{output}" for output in reducer.outputs]
            made += _bands([band], names, reducer, reading([band]))
        return image.of(made)
    if reducer.inputs != len(image.bands):
        raise refused(f"Image.reduceNeighborhood: The reducer needs {reducer.inputs} bands.")
    return image.of(_bands(image.bands, reducer.outputs, reducer, reading(image.bands)))


def _neighborhood_to_bands(image: Image, kernel: Kernel) -> Image:
    weights = kernel.weights(image.bands[0].projection.nominal_scale_m)
    down, right = (edge // 2 for edge in weights.shape)
    places = [(int(x) - right, int(y) - down) for y, x in np.argwhere(weights)]
    if len(places) * len(image.bands) > MOST_BANDS:
        raise refused(f"Image.neighborhoodToBands: The simulator has at most {MOST_BANDS} bands.")
    return image.of(_moved(band, *place) for band in image.bands for place in places)


def _moved(band: Band, x: int, y: int) -> Band:
    """Return a band that has at each pixel what is so many pixels to the right and below."""

    def grid(of: SimGrid, right: int, down: int) -> SimGrid:
        return Projection(of.crs, of.transform).grid(right, down, of.width, of.height)

    return replace(
        band,
        id=f"{band.id}_{x}_{y}",
        read=lambda target: band.read(grid(target, x, y)),
        extent=band.extent and grid(band.extent, -x, -y),
    )


def _convolve(scene: Scene, image: Image, kernel: Kernel) -> Image:
    around = kernel if scene.profile.convolutions == "as_written" else kernel.turned()

    def convolved(band: Band) -> Band:
        kind = band.type.floating()

        def read(target: SimGrid) -> Pixels:
            stack, pixels = _around(band, around, target, WEIGHTS["kernel"])
            total = (stack.values * stack.weights).sum(axis=0)
            return Pixels(kind.convert(total), pixels.mask)

        return replace(band, type=kind, read=remembered(read))

    return image.of(map(convolved, image.bands))


def _focal(name: str) -> Callable[..., Image]:
    def apply(
        scene: Scene,
        image: Image,
        radius: float = 1.5,
        *,
        kernel_type: str = "circle",
        units: str = "pixels",
        iterations: int = 1,
        kernel: Kernel | None = None,
    ) -> Image:
        if iterations > MOST_ITERATIONS:
            raise refused(f"Image.focal: The simulator has at most {MOST_ITERATIONS} iterations.")
        around = kernel or named_kernel(kernel_type, radius, units)
        bands, reducer = image.bands, simple(name, scene)
        for _ in range(iterations):
            bands = tuple(_focused(band, reducer, around) for band in bands)
        return image.of(bands)

    return apply


def _focused(band: Band, reducer: Reducer, kernel: Kernel) -> Band:
    def read(target: SimGrid) -> tuple[Sequence[Output], PixelArray]:
        stack, pixels = _around(band, kernel, target, WEIGHTS["mask"])
        return reducer.unweighted().reduce([stack]), np.ones_like(pixels.mask)

    return _bands([band], [band.id], reducer, read)[0]


FOCAL = ("max", "mean", "median", "min", "mode")

NEIGHBOURHOODS = functions(
    {
        "Image.reduceNeighborhood": _reduce_neighborhood,
        "Image.convolve": _convolve,
        "Image.neighborhoodToBands": _neighborhood_to_bands,
        **{f"Image.focal{name.capitalize()}": _focal(name) for name in FOCAL},
        **{f"Image.focal_{name}": _focal(name) for name in FOCAL},
    }
)
