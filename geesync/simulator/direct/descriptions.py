"""Values as ``getInfo`` shows them: numbers and lists as they are, images by their metadata."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

from geesync.simulator.assets.asset_json import CRS_CODE, plain_number
from geesync.simulator.computing.arguments import refused
from geesync.simulator.computing.images import Band, Image
from geesync.simulator.computing.moments import DateRange, Moment
from geesync.simulator.computing.pixel_types import PixelType
from geesync.simulator.computing.projections import DEGREES, Geometry, Projection
from geesync.simulator.computing.scene import Collection
from geesync.simulator.world.pixels import Json, SimFeature

MOST_ELEMENTS = 5_000  #: of a collection that is shown whole


def described(value: Any) -> Any:
    """Return a value as JSON; raises ExportRefused if it is nothing that can be shown."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return plain_number(value) if abs(value) < 2**53 else value
        case list() | tuple():
            return [described(member) for member in value]
        case dict():
            return {name: described(member) for name, member in value.items()}
    for kind, describe in DESCRIPTIONS.items():
        if isinstance(value, kind):
            return describe(value)
    raise refused(f"A {type(value).__name__} cannot be shown as JSON.")


def _image(image: Image) -> Json:
    identity = {"id": image.id} if image.id else {}
    bands = [_band(band) for band in image.bands]
    return {"type": "Image", "bands": bands, **identity, **_properties(image.properties)}


def _properties(properties: Any) -> Json:
    return {"properties": described(dict(properties))} if properties else {}


def _band(band: Band) -> Json:
    size: Json = {}
    transform = band.projection.transform
    if band.extent is not None:
        size = {"dimensions": [band.extent.width, band.extent.height]}
        transform = band.extent.transform
    return {
        "id": band.id,
        "data_type": {
            **pixel_type(band.type),
            **({"dimensions": band.array_dimensions} if band.array_dimensions else {}),
        },
        **size,
        **_crs(band.projection.crs),
        "crs_transform": [plain_number(term) for term in transform],
    }


def pixel_type(kind: PixelType) -> Json:
    """Return a pixel type as JSON."""
    limits: Json = {}
    if kind.value_range is not None:
        limits = dict(zip(("min", "max"), kind.value_range, strict=True))
    return {"type": "PixelType", "precision": kind.precision.lower(), **limits}


def _crs(crs: str) -> Json:
    return {"crs": crs} if CRS_CODE.fullmatch(crs) else {"crs_wkt": crs}


def _projection(projection: Projection) -> Json:
    crs = projection.crs
    code = {"crs": crs} if CRS_CODE.fullmatch(crs) else {"wkt": crs}
    return {"type": "Projection", **code, "transform": described(projection.transform)}


def _geometry(geometry: Geometry) -> Json:
    crs: Json = {}
    if geometry.crs != DEGREES:
        crs = {"crs": {"type": "name", "properties": {"name": geometry.crs}}}
    return {**geometry.shape, **crs, "geodesic": False}


def _feature(row: SimFeature) -> Json:
    index = {"id": row.index} if row.index else {}
    properties = described(row.properties)
    return {"type": "Feature", "geometry": row.geometry, **index, "properties": properties}


def _collection(collection: Collection) -> Json:
    elements = list(itertools.islice(collection.elements(), MOST_ELEMENTS + 1))
    if len(elements) > MOST_ELEMENTS:
        message = f"Collection query aborted after accumulating over {MOST_ELEMENTS} elements."
        raise refused(message)
    images = collection.type == "ImageCollection" or _any_image(elements)
    identity = {"id": collection.id} if collection.id else {}
    return {
        "type": "ImageCollection" if images else "FeatureCollection",
        **({"bands": []} if images else {"columns": {}}),
        **identity,
        "features": described(elements),
        **_properties(collection.properties),
    }


def _any_image(elements: Iterable[Any]) -> bool:
    return any(isinstance(element, Image) for element in elements)


def _moment(moment: Moment) -> Json:
    return {"type": "Date", "value": int(moment.millis)}


def _range(dates: DateRange) -> Json:
    return {"type": "DateRange", "dates": [int(dates.start.millis), int(dates.end.millis)]}


DESCRIPTIONS: dict[type, Any] = {
    Image: _image,
    Collection: _collection,
    SimFeature: _feature,
    Geometry: _geometry,
    Projection: _projection,
    PixelType: pixel_type,
    Moment: _moment,
    DateRange: _range,
}
