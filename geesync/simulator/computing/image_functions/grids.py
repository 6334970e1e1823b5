"""Functions of Earth Engine that say where pixels lie: projections, clipping, coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from geesync.simulator.computing import images, masks
from geesync.simulator.computing.arguments import functions, refused
from geesync.simulator.computing.images import Band, Image, Pixels
from geesync.simulator.computing.pixel_types import DOUBLE
from geesync.simulator.computing.projections import (
    Floats,
    Geometry,
    Projection,
    Transform,
    cover,
    in_crs,
    outline,
    parse_crs,
    places,
    shared,
)
from geesync.simulator.computing.regions import bounds_and_scale, footprint_of
from geesync.simulator.computing.scene import Collection
from geesync.simulator.world.pixels import SimGrid

DEGREES = Projection("EPSG:4326")


def _projection(crs: Projection, transform: list[Any] | None = None) -> Projection:
    return Projection(crs.crs, transform_of(transform)) if transform else crs


def transform_of(numbers: Sequence[float]) -> Transform:
    """Return an affine transform of its six terms."""
    a, b, c, d, e, f = map(float, numbers)
    return a, b, c, d, e, f


def _image_projection(image: Image) -> Projection:
    if not image.bands:
        raise refused("Image.projection: The image has no bands.")
    return image.bands[0].projection


def _crs(projection: Projection) -> str:
    return projection.crs


def _wkt(projection: Projection) -> str:
    return str(parse_crs(projection.crs).to_wkt(version="WKT1_GDAL"))


def _nominal_scale(proj: Projection) -> float:
    return proj.nominal_scale_m


def _at_scale(projection: Projection, meters: float) -> Projection:
    return projection.scaled(meters)


def wanted(
    own: Projection, crs: Projection | None, terms: Sequence[float] | None, scale: float | None
) -> Projection:
    """Return the projection that ``crs`` with ``crsTransform`` or ``scale`` ask for."""
    if scale is not None and scale <= 0:
        raise refused("The scale must be greater than 0.")
    base = crs or own
    if terms:
        return Projection(base.crs, transform_of(terms))
    return base.scaled(scale) if scale else base


def _reproject(
    image: Image,
    crs: Projection | None,
    crs_transform: list[Any] | None = None,
    scale: float | None = None,
) -> Image:
    projection = wanted(_image_projection(image), crs, crs_transform, scale)
    return image.of(images.reprojected(band, projection) for band in image.bands)


def _set_default_projection(
    image: Image,
    crs: Projection | None,
    crs_transform: list[Any] | None = None,
    scale: float | None = None,
) -> Image:
    projection = wanted(_image_projection(image), crs, crs_transform, scale)
    return image.of(replace(band, projection=projection) for band in image.bands)


def _clip(input_: Image, geometry: Geometry | Collection) -> Image:
    shapes = [geometry] if isinstance(geometry, Geometry) else _geometries(geometry)
    return input_.of(_clipped(band, shapes) for band in input_.bands)


def _clip_to_collection(input_: Image, collection: Collection) -> Image:
    return input_.of(_clipped(band, _geometries(collection)) for band in input_.bands)


def _geometries(collection: Collection) -> list[Geometry]:
    rows = (row.geometry for row in collection.features())
    return [Geometry(DEGREES.crs, shape) for shape in rows if shape]


def _clipped(band: Band, geometries: list[Geometry]) -> Band:
    if len(geometries) != 1:
        return masks.clipped(band, geometries, band.extent)
    extent = cover(band.projection, geometries[0])
    if band.extent is not None:
        extent = shared(extent, cover(band.projection, outline(band.extent)))
    return masks.clipped(band, geometries, extent)


def _clip_to_bounds_and_scale(
    input_: Image,
    geometry: Geometry | None = None,
    *,
    width: int | None = None,
    height: int | None = None,
    max_dimension: int | None = None,
    scale: float | None = None,
) -> Image:
    size = {"width": width, "height": height, "maxDimension": max_dimension}
    grid = bounds_and_scale(input_.bands[0], {"geometry": geometry, "scale": scale, **size})
    projection = Projection(grid.crs, grid.transform)
    return input_.of(replace(band, projection=projection, extent=grid) for band in input_.bands)


def _image_geometry(
    feature: Image, max_error: Any = None, proj: Any = None, geodesics: Any = None
) -> Geometry:
    del max_error, proj, geodesics  # the outline of the first band, in degrees, whatever is asked
    return footprint_of(feature.bands[0])


def _coordinates(projection: Projection, names: tuple[str, str], *, in_pixels: bool) -> Image:
    """Return an image of where the centres of pixels are, in a projection or its CRS."""

    def read(target: SimGrid) -> tuple[Floats, Floats]:
        xs, ys = in_crs(*places(target), target.crs, projection.crs)
        return projection.pixel_positions(xs, ys) if in_pixels else (xs, ys)

    def band(index: int) -> Band:
        def pixels(target: SimGrid) -> Pixels:
            values = read(target)[index]
            return Pixels(values, np.isfinite(values).astype(np.float32))

        return Band(names[index], DOUBLE, projection, None, pixels)

    return Image((band(0), band(1)))


def _pixel_coordinates(projection: Projection) -> Image:
    return _coordinates(projection, ("x", "y"), in_pixels=True)


def _pixel_lon_lat() -> Image:
    return _coordinates(DEGREES, ("longitude", "latitude"), in_pixels=False)


#: By name: what moves, cuts or asks for pixels by place.
GRIDS = functions(
    {
        "Image.projection": _image_projection,
        "Image.geometry": _image_geometry,
        "Image.reproject": _reproject,
        "Image.setDefaultProjection": _set_default_projection,
        "Image.clip": _clip,
        "Image.clipToCollection": _clip_to_collection,
        "Image.clipToBoundsAndScale": _clip_to_bounds_and_scale,
        "Image.pixelCoordinates": _pixel_coordinates,
        "Image.pixelLonLat": _pixel_lon_lat,
        "Projection": _projection,
        "Projection.crs": _crs,
        "Projection.wkt": _wkt,
        "Projection.nominalScale": _nominal_scale,
        "Projection.atScale": _at_scale,
    }
)
