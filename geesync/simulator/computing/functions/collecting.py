"""Functions of Earth Engine that make, choose and go through collections."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from geesync.simulator.computing.arguments import Algorithm, functions, refused
from geesync.simulator.computing.functions.filters import Filter
from geesync.simulator.computing.image_functions.image_bands import with_bands
from geesync.simulator.computing.images import Image
from geesync.simulator.computing.moments import Moment
from geesync.simulator.computing.reducing.reducer_kinds import SIMPLE
from geesync.simulator.computing.reducing.reducers import numbers
from geesync.simulator.computing.scene import Collection, Scene
from geesync.simulator.world.pixels import SimFeature

MOST_LISTED = 100_000

INDEX = "system:index"


def _load(scene: Scene, id_: str, version: Any = None) -> Collection:
    del version  # there is only the latest
    return scene.image_collection(id_)


def _load_table(
    scene: Scene, table_id: str, geometry_column: Any = None, version: Any = None
) -> Collection:
    del geometry_column, version
    return scene.table(table_id)


def _of_elements(features: list[Any]) -> Collection:
    return Collection(lambda: _indexed(features))


def _from_images(images: list[Any]) -> Collection:
    return Collection(lambda: _indexed(images), type="ImageCollection")


def _indexed(elements: list[Any]) -> Iterator[Any]:
    """Yield elements with an index each: their own, or their number."""
    for number, element in enumerate(elements):
        yield with_index(element, index_of(element) or str(number))


def index_of(element: Any) -> str:
    """Return the ``system:index`` of an element of a collection, "" if it has none."""
    if isinstance(element, SimFeature):
        return element.index
    return str(element.properties.get(INDEX, "")) if isinstance(element, Image) else ""


def with_index(element: Any, index: str) -> Any:
    """Return an element with another ``system:index``."""
    if isinstance(element, SimFeature):
        return replace(element, index=index)
    if isinstance(element, Image):
        return replace(element, properties={**element.properties, INDEX: index})
    return element


def _filter(collection: Collection, filter_: Filter) -> Collection:
    return _changed(collection, lambda elements: filter(filter_.test, elements))


def _changed(
    collection: Collection, change: Callable[[Iterator[Any]], Iterator[Any]]
) -> Collection:
    return replace(collection, elements=lambda: change(collection.elements()))


def _map(
    collection: Collection,
    base_algorithm: Algorithm,
    *,
    drop_nulls: bool = False,
) -> Collection:
    def mapped(elements: Iterator[Any]) -> Iterator[Any]:
        for element in elements:
            made = base_algorithm(element)
            if made is None and drop_nulls:
                continue
            if not isinstance(made, Image | SimFeature):
                raise refused("Collection.map: A mapped algorithm must return an Element.")
            yield with_index(made, index_of(element))

    return _changed(collection, mapped)


def _limit(
    collection: Collection,
    limit: int | None = None,
    key: str | None = None,
    *,
    ascending: bool = True,
) -> Collection:
    def limited(elements: Iterator[Any]) -> Iterator[Any]:
        if key is not None:
            # Elements without the property come first, as do nulls in Earth Engine.
            order = sorted(elements, key=lambda e: _sortable(prop(e, key)), reverse=not ascending)
            elements = iter(order)
        return itertools.islice(elements, limit)

    return _changed(collection, limited)


def _sortable(value: Any) -> tuple[int, Any]:
    match value:
        case None:
            return (0, 0)
        case str():
            return (2, value)
        case _:
            return (1, value)


def prop(element: Any, name: str) -> Any:
    """Return a property of an element, None if it has none of this name."""
    if name == INDEX:
        return index_of(element) or None
    return element.properties.get(name)


def _size(collection: Collection) -> int:
    return sum(1 for _ in collection.elements())


def _first(collection: Collection) -> Any:
    return next(collection.elements(), None)


def _to_list(collection: Collection, count: int, offset: int = 0) -> list[Any]:
    return list(itertools.islice(collection.elements(), offset, offset + min(count, MOST_LISTED)))


def _iterate(collection: Collection, function: Algorithm, first: Any = None) -> Any:
    for element in collection.elements():
        first = function(element, first)
    return first


def _merge(scene: Scene, collection1: Collection, collection2: Collection) -> Collection:
    def merged() -> Iterator[Any]:
        for number, collection in ((1, collection1), (2, collection2)):
            for element in collection.elements():
                scene.spend()
                yield with_index(element, f"{number}_{index_of(element)}")

    return Collection(merged)


def _flatten(scene: Scene, collection: Collection) -> Collection:
    def flat(elements: Iterator[Any]) -> Iterator[Any]:
        for element in elements:
            if not isinstance(element, Collection):
                raise refused("Collection.flatten: The elements must be collections.")
            for inner in element.elements():
                scene.spend()
                yield inner

    return _changed(collection, flat)


def _distinct(collection: Collection, properties: Any) -> Collection:
    names = properties if isinstance(properties, list) else [properties]

    def distinct(elements: Iterator[Any]) -> Iterator[Any]:
        seen: set[str] = set()
        for element in elements:
            key = repr([prop(element, name) for name in names])
            if key not in seen:
                seen.add(key)
                yield element

    return _changed(collection, distinct)


def _to_bands(collection: Collection) -> Image:
    image = Image(())
    for each in collection.images():
        named = (replace(band, id=f"{index_of(each)}_{band.id}") for band in each.bands)
        image = with_bands(image, each.of(named))
    return image


def _array(collection: Collection, property_: str) -> list[Any]:
    found = (prop(element, property_) for element in collection.elements())
    return [_plain(value) for value in found if value is not None]


def _plain(value: Any) -> Any:
    return value.millis if isinstance(value, Moment) else value


def _aggregate(reducer: str) -> Callable[..., Any]:
    def apply(collection: Collection, property_: str) -> Any:
        (value,) = numbers(SIMPLE[reducer], [_array(collection, property_)])
        return value

    return apply


def _stats(collection: Collection, property_: str) -> dict[str, Any]:
    found = _array(collection, property_)
    names = {"total_sd": "stdDev", "total_var": "variance"}
    names |= {"sample_sd": "sampleStdDev", "sample_var": "sampleVariance"}
    simple = {name: name for name in ("max", "mean", "min", "sum")}
    values = {name: numbers(SIMPLE[kind], [found])[0] for name, kind in (simple | names).items()}
    return {
        **values,
        "sum_sq": sum(value**2 for value in found),
        "total_count": _size(collection),
        "valid_count": len(found),
        "weight_sum": len(found),
        "weighted_sum": values["sum"],
    }


COLLECTIONS = functions(
    {
        "ImageCollection.load": _load,
        "ImageCollection.fromImages": _from_images,
        "ImageCollection.toBands": _to_bands,
        "ImageCollection.merge": _merge,
        "Collection": _of_elements,
        "Collection.loadTable": _load_table,
        "Collection.filter": _filter,
        "Collection.map": _map,
        "Collection.limit": _limit,
        "Collection.size": _size,
        "Collection.first": _first,
        "Collection.toList": _to_list,
        "Collection.iterate": _iterate,
        "Collection.merge": _merge,
        "Collection.flatten": _flatten,
        "Collection.distinct": _distinct,
        "AggregateFeatureCollection.array": _array,
        "AggregateFeatureCollection.stats": _stats,
        **{
            f"AggregateFeatureCollection.{name}": _aggregate(reducer)
            for name, reducer in {
                "sum": "sum",
                "min": "min",
                "max": "max",
                "mean": "mean",
                "count": "count",
                "count_distinct": "countDistinct",
                "first": "first",
                "product": "product",
                "histogram": "frequencyHistogram",
                "total_sd": "stdDev",
                "total_var": "variance",
                "sample_sd": "sampleStdDev",
                "sample_var": "sampleVariance",
            }.items()
        },
    }
)
