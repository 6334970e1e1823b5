"""Functions of Earth Engine for images whose pixels are arrays."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from geesync.simulator.computing.arguments import functions, refused
from geesync.simulator.computing.image_functions.image_math import paired
from geesync.simulator.computing.images import Band, Image, Pixels, combined, remembered
from geesync.simulator.computing.pixel_types import PixelType
from geesync.simulator.world.pixels import PixelArray, SimGrid

PLANE = 2  #: axes of what is on a grid; those of arrays follow


def _changed(
    band: Band, dimensions: int, change: Callable[[PixelArray], PixelArray], kind: Any = None
) -> Band:
    """Return a band of other arrays; ``change`` is given all, shape (height, width, …)."""

    def read(target: SimGrid) -> Pixels:
        values, mask = band.read(target)
        return Pixels(change(values), mask)

    return replace(band, type=kind or band.type, read=remembered(read), array_dimensions=dimensions)


def _to_array(image: Image, axis: int = 0) -> Image:
    first = image.bands[0]
    dimensions = max(first.array_dimensions, axis + 1)

    def change(*values: PixelArray) -> PixelArray:
        parts = [
            each.reshape(each.shape + (1,) * (dimensions - each.ndim + PLANE)) for each in values
        ]
        return np.concatenate(parts, axis=PLANE + axis)

    kind = _union(image)
    array = combined(kind, change, *image.bands, array_dimensions=dimensions)
    return image.of([replace(array, id="array")])


def _union(image: Image) -> PixelType:
    kind = image.bands[0].type
    for band in image.bands[1:]:
        kind = kind.union(band.type)
    return kind


def _array_project(input_: Image, axes: list[Any]) -> Image:
    def projected(band: Band) -> Band:
        def change(values: PixelArray) -> PixelArray:
            dropped = [axis for axis in range(band.array_dimensions) if axis not in axes]
            if any(values.shape[PLANE + axis] > 1 for axis in dropped):
                raise refused("Image.arrayProject: Dropped axes must be at most length 1.")
            kept = np.squeeze(values, axis=tuple(PLANE + axis for axis in dropped))
            order = np.argsort(np.argsort(axes))
            return np.moveaxis(kept, range(PLANE, kept.ndim), [PLANE + int(o) for o in order])

        return _changed(band, len(axes), change)

    return input_.of(map(projected, input_.bands))


def _array_flatten(image: Image, coordinate_labels: list[Any], separator: str = "_") -> Image:
    if len(image.bands) != 1:
        raise refused("Image.arrayFlatten: The image must have a single band.")
    (band,) = image.bands
    shape = tuple(map(len, coordinate_labels))

    def element(place: tuple[int, ...]) -> Band:
        def change(values: PixelArray) -> PixelArray:
            if values.shape[PLANE:] != shape:
                got = values.shape[PLANE:]
                raise refused(f"Image.arrayFlatten: Labels are for {shape}, arrays are {got}.")
            cut: Any = (slice(None), slice(None), *place)
            flat: PixelArray = values[cut]
            return flat

        names = (labels[index] for labels, index in zip(coordinate_labels, place, strict=True))
        return replace(_changed(band, 0, change), id=separator.join(map(str, names)))

    return image.of(element(place) for place in itertools.product(*map(range, shape)))


def _array_get(image: Image, position: Image) -> Image:
    def got(band: Band) -> Band:
        def read(target: SimGrid) -> Pixels:
            values, mask = band.read(target)
            places = [each.read(target).values.astype(int) for each in position.bands]
            if len(places) != values.ndim - PLANE:
                raise refused("Image.arrayGet: The position must have a band for each axis.")
            rows, columns = np.indices(mask.shape)
            return Pixels(values[(rows, columns, *places)], mask)

        return replace(band, read=read, array_dimensions=0)

    return image.of(map(got, image.bands))


def _array_slice(
    input_: Image,
    axis: int = 0,
    start: Image | None = None,
    end: Image | None = None,
    step: int = 1,
) -> Image:
    def sliced(band: Band) -> Band:
        def read(target: SimGrid) -> Pixels:
            values, mask = band.read(target)
            part = slice(_the_same(start, target), _the_same(end, target), step)
            return Pixels(values[(slice(None),) * (PLANE + axis) + (part,)], mask)

        return replace(band, read=remembered(read))

    return input_.of(map(sliced, input_.bands))


def _the_same(image: Image | None, target: SimGrid) -> int | None:
    """Return the number that an image has everywhere; raises ExportRefused if it has several."""
    if image is None:
        return None
    values = np.unique(image.bands[0].read(target).values)
    if len(values) > 1:
        raise refused("Image.arraySlice: The simulator cuts all pixels alike only.")
    return int(values[0])


def _transpose(input_: Image, axis1: int = 0, axis2: int = 1) -> Image:
    def change(values: PixelArray) -> PixelArray:
        return np.swapaxes(values, PLANE + axis1, PLANE + axis2)

    return input_.of(_changed(band, band.array_dimensions, change) for band in input_.bands)


def _matrix_multiply(image1: Image, image2: Image) -> Image:
    bands = (
        replace(combined(left.type.union(right.type).floating(), np.matmul, left, right), id=name)
        for name, left, right in paired("Image.matrixMultiply", image1, image2)
    )
    return Image(tuple(bands))


ARRAYS = functions(
    {
        "Image.toArray": _to_array,
        "Image.arrayProject": _array_project,
        "Image.arrayFlatten": _array_flatten,
        "Image.arrayGet": _array_get,
        "Image.arraySlice": _array_slice,
        "Image.arrayTranspose": _transpose,
        "Image.matrixTranspose": _transpose,
        "Image.matrixMultiply": _matrix_multiply,
    }
)
