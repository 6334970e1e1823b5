"""Functions of Earth Engine for elements: images and features, with their properties."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from geesync.simulator.computing.arguments import functions, refused
from geesync.simulator.computing.functions.collecting import index_of, prop, with_index
from geesync.simulator.computing.functions.filters import geometry_of
from geesync.simulator.computing.images import Image
from geesync.simulator.computing.moments import Moment, read_moment
from geesync.simulator.computing.projections import Geometry
from geesync.simulator.computing.scene import Collection
from geesync.simulator.world.pixels import Json, SimFeature

INDEX = "system:index"

Element = Image | SimFeature | Collection


def _get(object_: Element, property_: str) -> Any:
    return prop(object_, property_)


def _set(object_: Element, key: str, value: Any = None) -> Any:
    return with_properties(object_, {key: value})


def _set_multi(object_: Element, properties: dict[str, Any]) -> Any:
    return with_properties(object_, properties)


def with_properties(element: Any, new: Mapping[str, Any]) -> Any:
    """Return an element with some properties replaced; those that become None are removed."""
    told = {name: _plain(value) for name, value in new.items()}
    if INDEX in told:
        element = with_index(element, str(told.pop(INDEX)))
    merged = {**element.properties, **told}
    kept = {name: value for name, value in merged.items() if value is not None}
    return replace(element, properties=kept)


def _plain(value: Any) -> Any:
    return int(value.millis) if isinstance(value, Moment) else value


def _copy_properties(
    destination: Element | None = None,
    source: Element | None = None,
    properties: list[Any] | None = None,
    exclude: list[Any] | None = None,
) -> Any:
    """Return the destination with the source's properties: those named, or all but system's."""
    if destination is None or source is None:
        return destination
    own = source.properties
    names = properties or [name for name in own if not name.startswith("system:")]
    left_out = exclude or []
    copied = {name: prop(source, name) for name in names if name not in left_out}
    return with_properties(destination, {k: v for k, v in copied.items() if v is not None})


def _property_names(element: Element) -> list[str]:
    return [*element.properties, *_added(element)]


def _added(element: Any) -> Json:
    return {INDEX: element.index} if isinstance(element, SimFeature) else {}


def _to_dictionary(element: Element, properties: list[Any] | None = None) -> Json:
    everything = element.properties
    names = properties or [name for name in everything if not name.startswith("system:")]
    return {name: prop(element, name) for name in names}


def _id(element: Element) -> str | None:
    if isinstance(element, Image) and element.id:
        return index_of(element) or element.id.rpartition("/")[2]
    return index_of(element) or None


def _image_date(image: Image) -> Moment:
    moment = read_moment(image.properties.get("system:time_start"))
    if moment is None:
        raise refused("Image.date: Image does not have a 'system:time_start' property.")
    return moment


def _feature(
    geometry: Geometry | Image | SimFeature | None = None,
    metadata: dict[str, Any] | None = None,
    geometry_key: Any = None,
) -> SimFeature:
    del geometry_key
    told = dict(metadata or {})
    index = str(told.pop(INDEX, ""))
    place = geometry if isinstance(geometry, Geometry) else _place(geometry)
    return SimFeature(index, None if place is None else place.geojson(), told)


def _place(element: Image | SimFeature | None) -> Geometry | None:
    return None if element is None else geometry_of(element)


def _geometry(
    feature: Element, max_error: Any = None, proj: Any = None, geodesics: Any = None
) -> Geometry:
    del max_error, proj, geodesics  # in degrees, whatever is asked
    place = geometry_of(feature)
    if place is None:
        raise refused("Feature.geometry: The element has no geometry.")
    return place


def _set_geometry(feature: SimFeature, geometry: Geometry | None = None) -> SimFeature:
    return replace(feature, geometry=None if geometry is None else geometry.geojson())


def _select_properties(
    input_: SimFeature,
    property_selectors: list[Any],
    new_properties: list[Any] | None = None,
    *,
    retain_geometry: bool = True,
) -> SimFeature:
    pairs = zip(property_selectors, new_properties or property_selectors, strict=True)
    properties = {name: input_.properties[old] for old, name in pairs if old in input_.properties}
    geometry = input_.geometry if retain_geometry else None
    return replace(input_, properties=properties, geometry=geometry)


ELEMENTS = functions(
    {
        **dict.fromkeys(
            ("Element.get", "Element.getNumber", "Element.getString", "Element.getArray"), _get
        ),
        "Element.set": _set,
        "Element.setMulti": _set_multi,
        "Element.copyProperties": _copy_properties,
        "Image.copyProperties": _copy_properties,
        "Element.propertyNames": _property_names,
        "Element.toDictionary": _to_dictionary,
        "Image.id": _id,
        "Feature.id": _id,
        "Image.date": _image_date,
        "Feature": _feature,
        "Feature.geometry": _geometry,
        "Element.geometry": _geometry,
        "Feature.setGeometry": _set_geometry,
        "Feature.select": _select_properties,
    }
)
