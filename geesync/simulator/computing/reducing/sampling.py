"""Functions of Earth Engine that make rows of pixels: statistics of regions, and samples."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from geesync.simulator.computing.arguments import functions, refused
from geesync.simulator.computing.functions.collecting import index_of
from geesync.simulator.computing.functions.elements import with_properties
from geesync.simulator.computing.image_functions.grids import DEGREES, wanted
from geesync.simulator.computing.image_functions.image_bands import selected
from geesync.simulator.computing.images import Image, inside
from geesync.simulator.computing.masks import covered
from geesync.simulator.computing.projections import Geometry, Projection, cover, in_crs, places
from geesync.simulator.computing.reducing.reducers import Reducer
from geesync.simulator.computing.reducing.reductions import MOST_PIXELS, reduce_region
from geesync.simulator.computing.regions import footprint_of
from geesync.simulator.computing.scene import Collection
from geesync.simulator.world.pixels import Json, SimFeature, SimGrid

MOST_VALUES = 1_048_576  #: of an answer of getRegion
MOST_SAMPLED = 1_000_000  #: values of the rectangle that a region lies in


def _reduce_regions(
    image: Image,
    collection: Collection,
    reducer: Reducer,
    *,
    scale: float | None = None,
    crs: Projection | None = None,
    crs_transform: list[Any] | None = None,
    tile_scale: float = 1.0,
    max_pixels_per_region: int = MOST_PIXELS,
) -> Collection:
    del tile_scale
    # Of a single band, results are called as the reducer calls them.
    named = len(image.bands) == 1 and reducer.inputs == 1
    source = image.bands[0].id if named else ""

    def row(feature: SimFeature) -> SimFeature:
        if not feature.geometry:
            return feature
        found = reduce_region(
            image,
            reducer,
            _place(feature),
            scale=scale,
            crs=crs,
            crs_transform=crs_transform,
            max_pixels=max_pixels_per_region,
        )
        if named:
            found = {
                reducer.outputs[0] if name == source else name.removeprefix(f"{source}_"): value
                for name, value in found.items()
            }
        made: SimFeature = with_properties(feature, found)
        return made

    return replace(collection, elements=lambda: map(row, collection.features()))


def _place(feature: SimFeature) -> Geometry:
    return Geometry(DEGREES.crs, feature.geometry or {})


@dataclass(frozen=True)
class _Samples:
    """The pixels of a region whose centres lie in it, row by row."""

    grid: SimGrid
    chosen: Any  #: indices of pixels in the flattened grid
    columns: dict[str, tuple[Any, Any]]  #: band → (values, masks) of the chosen pixels

    @classmethod
    def of(cls, image: Image, region: Geometry, projection: Projection) -> _Samples:
        grid = cover(projection, region)
        if grid.width * grid.height * max(len(image.bands), 1) > MOST_SAMPLED:
            raise refused(f"The simulator samples at most {MOST_SAMPLED} values at a time.")
        chosen = np.flatnonzero(covered([region], grid))
        columns = {}
        for band in image.bands:
            values, mask = band.read(grid)
            columns[band.id] = values.reshape(-1)[chosen], mask.reshape(-1)[chosen]
        return cls(grid, chosen, columns)

    def where(self) -> tuple[Any, Any]:
        """Return the (longitudes, latitudes) of the centres."""
        xs, ys = in_crs(*places(self.grid), self.grid.crs, DEGREES.crs)
        return xs.reshape(-1)[self.chosen], ys.reshape(-1)[self.chosen]

    def rows(self, *, geometries: bool) -> Iterator[tuple[Json | None, dict[str, Any]]]:
        """Yield (point, values by band), None for masked ones."""
        lons, lats = self.where() if geometries else (None, None)
        for place in range(len(self.chosen)):
            point = None
            if lons is not None and lats is not None:
                point = {"type": "Point", "coordinates": [float(lons[place]), float(lats[place])]}
            yield point, self.values(place)

    def values(self, place: int) -> dict[str, Any]:
        """Return the values of one of the pixels, by band."""
        return {
            band: values[place].item() if mask[place] > 0 else None
            for band, (values, mask) in self.columns.items()
        }


def _sample(
    image: Image,
    region: Geometry | None = None,
    *,
    scale: float | None = None,
    projection: Projection | None = None,
    factor: float | None = None,
    num_pixels: int | None = None,
    seed: int = 0,
    drop_nulls: bool = True,
    tile_scale: float = 1.0,
    geometries: bool = False,
) -> Collection:
    del tile_scale
    if factor is not None and num_pixels is not None:
        raise refused("Image.sample: Only one of 'factor' and 'numPixels' may be specified.")
    own = image.bands[0]

    def elements() -> Iterator[SimFeature]:
        samples = _Samples.of(
            image, region or footprint_of(own), wanted(own.projection, projection, None, scale)
        )
        count = len(samples.chosen)
        share = num_pixels / max(count, 1) if num_pixels is not None else factor
        lots = np.random.default_rng(seed).random(count) < (1 if share is None else share)
        rows = itertools.compress(samples.rows(geometries=geometries), lots)
        kept = (row for row in rows if not drop_nulls or None not in row[1].values())
        for number, (point, values) in enumerate(kept):
            yield SimFeature(str(number), point, _known(values))

    return Collection(elements)


def _stratified_sample(
    image: Image,
    num_points: int,
    class_band: str | None = None,
    region: Geometry | None = None,
    *,
    scale: float | None = None,
    projection: Projection | None = None,
    seed: int = 0,
    class_values: list[Any] | None = None,
    class_points: list[Any] | None = None,
    drop_nulls: bool = True,
    tile_scale: float = 1.0,
    geometries: bool = False,
) -> Collection:
    del tile_scale
    most = _points_by_class(class_values or [], class_points or [])
    own = image.bands[0]
    kinds = selected(image, [class_band]).bands[0] if class_band else own
    if kinds.type.value_range is None:
        raise refused(f"Image.stratifiedSample: The class band '{kinds.id}' must hold integers.")

    def elements() -> Iterator[SimFeature]:
        samples = _Samples.of(
            image, region or footprint_of(own), wanted(own.projection, projection, None, scale)
        )
        kept = [
            (point, values)
            for point, values in samples.rows(geometries=geometries)
            if values[kinds.id] is not None and not (drop_nulls and None in values.values())
        ]
        chosen, taken = [], Counter[int]()
        for place in np.random.default_rng(seed).permutation(len(kept)).tolist():
            kind = kept[place][1][kinds.id]
            if taken[kind] < most.get(kind, num_points):
                taken[kind] += 1
                chosen.append(place)
        for number, place in enumerate(sorted(chosen)):
            point, values = kept[place]
            yield SimFeature(str(number), point, _known(values))

    return Collection(elements)


def _points_by_class(values: list[Any], points: list[Any]) -> dict[Any, int]:
    if len(values) != len(points):
        raise refused(
            f"Image.stratifiedSample: Got {len(values)} classValues and {len(points)} classPoints."
        )
    return dict(zip(values, points, strict=True))


def _known(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _sample_regions(
    image: Image,
    collection: Collection,
    properties: list[Any] | None = None,
    *,
    scale: float | None = None,
    projection: Projection | None = None,
    tile_scale: float = 1.0,
    geometries: bool = False,
) -> Collection:
    del tile_scale
    pixels = wanted(image.bands[0].projection, projection, None, scale)

    def elements() -> Iterator[SimFeature]:
        for feature in collection.features():
            if not feature.geometry:
                continue
            names = feature.properties if properties is None else properties
            copied = {n: feature.properties[n] for n in names if n in feature.properties}
            rows = _Samples.of(image, _place(feature), pixels).rows(geometries=geometries)
            kept = (row for row in rows if None not in row[1].values())
            for number, (point, values) in enumerate(kept):
                yield SimFeature(f"{feature.index}_{number}", point, {**copied, **values})

    return Collection(elements)


def _get_region(
    collection: Collection,
    geometry: Geometry,
    scale: float | None = None,
    crs: Projection = DEGREES,
    crs_transform: list[Any] | None = None,
) -> list[Any]:
    if scale is None and crs_transform is None:
        raise refused("ImageCollection.getRegion: One of 'scale' and 'crsTransform' is needed.")
    projection = wanted(crs, crs, crs_transform, scale)
    header: list[Any] = ["id", "longitude", "latitude", "time"]
    rows: list[tuple[int, list[Any]]] = []
    bands: list[str] = []
    for image in collection.images():
        bands = bands or [band.id for band in image.bands]
        samples = _Samples.of(image, geometry, projection)
        reached = _reached(image, samples)
        if (len(rows) + len(reached)) * (len(header) + len(bands)) > MOST_VALUES:
            raise refused(f"ImageCollection.getRegion: More than {MOST_VALUES} values.")
        rows += _region_rows(image, bands, samples, reached)
    return [header + bands, *(row for _, row in sorted(rows, key=lambda row: row[0]))]


def _reached(image: Image, samples: _Samples) -> list[int]:
    """Return which of the pixels an image reaches."""
    extents = [band.extent for band in image.bands]
    if any(extent is None for extent in extents):
        return list(range(len(samples.chosen)))
    reached = np.zeros(len(samples.chosen), bool)
    for extent in set(filter(None, extents)):
        reached |= inside(extent, samples.grid).reshape(-1)[samples.chosen]
    return [int(place) for place in np.flatnonzero(reached)]


def _region_rows(
    image: Image, bands: list[str], samples: _Samples, reached: list[int]
) -> Iterator[tuple[int, list[Any]]]:
    """Yield (number of the pixel, row) of some pixels of an image."""
    lons, lats = samples.where()
    time = image.properties.get("system:time_start")
    for place in reached:
        values = samples.values(place)
        where = [float(lons[place]), float(lats[place])]
        row = [index_of(image), *where, time, *(values.get(band) for band in bands)]
        yield int(samples.chosen[place]), row


SAMPLING = functions(
    {
        "Image.reduceRegions": _reduce_regions,
        "Image.sample": _sample,
        "Image.sampleRegions": _sample_regions,
        "Image.stratifiedSample": _stratified_sample,
        "ImageCollection.getRegion": _get_region,
    }
)
