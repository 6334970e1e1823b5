"""Functions of Earth Engine that reduce: bands, images of a collection, pixels of a region."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from geesync.simulator.computing.arguments import functions, refused
from geesync.simulator.computing.image_functions.grids import wanted
from geesync.simulator.computing.image_functions.image_math import blended
from geesync.simulator.computing.images import (
    Band,
    Image,
    Pixels,
    inside,
    one_of,
    remembered,
)
from geesync.simulator.computing.masks import clipped
from geesync.simulator.computing.projections import Geometry, cover
from geesync.simulator.computing.reducing.reducer_kinds import simple
from geesync.simulator.computing.reducing.reducers import MOST_BYTES, Reducer, Stack, numbers
from geesync.simulator.computing.regions import holding, outline_of
from geesync.simulator.computing.scene import Collection, Scene
from geesync.simulator.refusals import RESOURCE_EXHAUSTED, ExportRefused
from geesync.simulator.world.pixels import SimGrid

MOST_PIXELS = 10_000_000  #: of a region, unless the request allows more


def _reduce_bands(image: Image, reducer: Reducer) -> Image:
    if reducer.inputs != 1:
        raise refused("Image.reduce: The reducer must have a single input.")
    return image.of(_outputs(reducer, [image.bands], reducer.outputs))


def _reduce_images(collection: Collection, reducer: Reducer, parallel_scale: float = 1.0) -> Image:
    del parallel_scale
    stacks = by_name(collection)
    if reducer.inputs == 1:
        bands = [
            band
            for name, stack in stacks.items()
            for band in _outputs(reducer, [stack], [f"{name}_{out}" for out in reducer.outputs])
        ]
        return Image(tuple(bands))
    if reducer.inputs != len(stacks):
        raise refused(
            f"ImageCollection.reduce: The reducer needs {reducer.inputs} bands, but there are"
            f" {len(stacks)}."
        )
    return Image(tuple(_outputs(reducer, list(stacks.values()), reducer.outputs)))


def by_name(collection: Collection) -> dict[str, list[Band]]:
    """Return all bands of a collection's images by their names, in the first image's order."""
    stacks: dict[str, list[Band]] = {}
    for image in collection.images():
        for band in image.bands:
            stacks.setdefault(band.id, []).append(band)
    return stacks


def _simple(name: str) -> Callable[[Scene, Collection], Image]:
    def apply(scene: Scene, collection: Collection) -> Image:
        stacks = by_name(collection).items()
        bands = (_outputs(simple(name, scene), [stack], [band])[0] for band, stack in stacks)
        return Image(tuple(bands))

    return apply


def _outputs(
    reducer: Reducer, inputs: Sequence[Sequence[Band]], names: Sequence[str]
) -> list[Band]:
    """Return the bands that a reducer makes of stacks of bands, one stack for each input."""
    if reducer.is_list:
        raise refused("The simulator has reducers to lists for regions only, not for pixels.")
    first = inputs[0][0]
    kind = first.type
    for band in inputs[-1]:
        kind = kind.union(band.type)
    ends = [band.extent for band in inputs[0]]

    def reduced(target: SimGrid) -> list[Pixels]:
        stacks = [_stack(bands, target) for bands in inputs]
        seen = np.maximum.reduce([stack.weights.max(axis=0) for stack in stacks])
        somewhere = _covered(ends, target)
        made = []
        for index, output in enumerate(reducer.reduce(stacks)):
            out = reducer.types[index](kind)
            mask = np.where(output.valid, np.where(seen > 0, seen, somewhere), 0)
            made.append(Pixels(out.convert(np.asarray(output.values)), mask.astype(np.float32)))
        return made

    once = remembered(reduced)
    extent = first.extent if all(end == first.extent for end in ends) else _union_of(ends)
    return [
        Band(
            str(name),
            reducer.types[index](kind),
            first.projection,
            extent,
            one_of(once, index),
            reducer.dimensions(index),
        )
        for index, name in enumerate(names)
    ]


def _stack(bands: Sequence[Band], target: SimGrid) -> Stack:
    if len(bands) * target.width * target.height * 8 > MOST_BYTES:
        raise ExportRefused(RESOURCE_EXHAUSTED, "User memory limit exceeded.")
    pixels = [band.read(target) for band in bands]
    if pixels[0].values.ndim > 2:  # noqa: PLR2004 - a plane
        raise refused("The simulator reduces scalar bands only, not arrays.")
    values = np.stack([each.values for each in pixels])
    if values.dtype.kind != "f":
        values = values.astype(np.int64)
    return Stack(values, np.stack([each.mask for each in pixels]).astype(np.float64))


def _covered(ends: Sequence[SimGrid | None], target: SimGrid) -> Any:
    """Return where one of some extents is: there, a count of nothing is 0."""
    if any(end is None for end in ends):
        return 1.0
    return np.logical_or.reduce([inside(end, target) for end in ends if end is not None])


def _union_of(ends: Sequence[SimGrid | None]) -> SimGrid | None:
    known = [end for end in ends if end is not None]
    return holding(known) if len(known) == len(ends) else None


def _mosaic(collection: Collection) -> Image:
    bands = []
    for stack in by_name(collection).values():
        result = stack[0]
        for band in stack[1:]:
            result = replace(blended(result, band), extent=_union_of([result.extent, band.extent]))
        bands.append(result)
    return Image(tuple(bands))


def _quality_mosaic(collection: Collection, quality_band: str) -> Image:
    stacks = by_name(collection)
    if quality_band not in stacks:
        raise refused(f"ImageCollection.qualityMosaic: There is no band '{quality_band}'.")

    def best(name: str) -> Band:
        bands = stacks[name]

        def read(target: SimGrid) -> Pixels:
            quality = _stack(stacks[quality_band], target)
            order = np.where(quality.valid, quality.values.astype(float), -np.inf).argmax(axis=0)
            chosen = _stack(bands, target)
            values = np.take_along_axis(chosen.values, order[None], 0)[0]
            weights = np.take_along_axis(chosen.weights, order[None], 0)[0]
            return Pixels(bands[0].type.convert(values), weights.astype(np.float32))

        extent = _union_of([band.extent for band in bands])
        return replace(bands[0], read=remembered(read), extent=extent)

    return Image(tuple(map(best, stacks)))


def reduce_region(
    image: Image,
    reducer: Reducer,
    geometry: Geometry | None = None,
    *,
    scale: float | None = None,
    crs: Any = None,
    crs_transform: list[Any] | None = None,
    best_effort: bool = False,
    max_pixels: int = MOST_PIXELS,
    tile_scale: float = 1.0,
) -> dict[str, Any]:
    """Return what a reducer makes of the pixels of a region, by band, as ``Image.reduceRegion``."""
    del tile_scale
    first = image.bands[0]
    region = geometry or outline_of(first)
    projection = wanted(first.projection, crs, crs_transform, scale)
    grid = cover(projection, region)
    while grid.width * grid.height > max_pixels:
        if not best_effort:
            raise refused(
                "Image.reduceRegion: Too many pixels in the region. Found"
                f" {grid.width * grid.height}, but maxPixels allows only {max_pixels}."
            )
        projection = projection.coarser(2)
        grid = cover(projection, region)
    bands = image.bands if geometry is None else [clipped(b, [geometry], None) for b in image.bands]
    if reducer.inputs != 1:
        if reducer.inputs != len(bands):
            raise refused(f"Image.reduceRegion: The reducer needs {reducer.inputs} bands.")
        return _named(reducer, reducer.outputs, _together(bands, grid))
    columns = [_column(band, grid) for band in bands]
    found: dict[str, Any] = {}
    for band, column in zip(bands, columns, strict=True):
        alone = len(reducer.outputs) == 1
        names = [band.id] if alone else [f"{band.id}_{out}" for out in reducer.outputs]
        found |= _named(reducer, names, [column])
    return found


def _column(band: Band, grid: SimGrid) -> Stack:
    values, mask = band.read(grid)
    flat = values.reshape(-1)
    exact = flat.astype(np.int64 if flat.dtype.kind in "iu" else np.float64)
    there = mask.reshape(-1) > 0
    return Stack(exact[there], mask.reshape(-1)[there].astype(np.float64))


def _together(bands: Sequence[Band], grid: SimGrid) -> list[Stack]:
    """Return the pixels of bands that are one record each: where none of them is masked."""
    pixels = [band.read(grid) for band in bands]
    there = np.logical_and.reduce([mask > 0 for _, mask in pixels])
    return [
        Stack(
            values[there].astype(np.int64 if values.dtype.kind in "iu" else np.float64),
            mask[there].astype(np.float64),
        )
        for values, mask in pixels
    ]


def _named(reducer: Reducer, names: Sequence[str], columns: Sequence[Stack]) -> dict[str, Any]:
    outputs = reducer.reduce(columns)
    return {
        name: np.asarray(output.values).tolist() if bool(np.all(output.valid)) else None
        for name, output in zip(names, outputs, strict=True)
    }


def _reduce_columns(
    collection: Collection,
    reducer: Reducer,
    selectors: list[Any],
    weight_selectors: list[Any] | None = None,
) -> dict[str, Any]:
    rows = list(collection.elements())
    columns = [[row.properties.get(name) for row in rows] for name in selectors]
    weights = None
    if weight_selectors:
        weights = [row.properties.get(weight_selectors[0]) or 0 for row in rows]
    return dict(zip(reducer.outputs, numbers(reducer, columns, weights), strict=True))


REDUCTIONS = functions(
    {
        "Image.reduce": _reduce_bands,
        "Image.reduceRegion": reduce_region,
        "ImageCollection.reduce": _reduce_images,
        "ImageCollection.mosaic": _mosaic,
        "ImageCollection.qualityMosaic": _quality_mosaic,
        "Collection.reduceColumns": _reduce_columns,
        **{
            f"reduce.{name}": _simple(name)
            for name in (
                "and",
                "count",
                "max",
                "mean",
                "median",
                "min",
                "mode",
                "or",
                "product",
                "sum",
            )
        },
    }
)
