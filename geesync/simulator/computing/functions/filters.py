"""Filters: tests of the elements of collections, and the functions that make them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from geesync.simulator.computing.arguments import PROMOTIONS, functions, refused
from geesync.simulator.computing.images import Image
from geesync.simulator.computing.moments import DateRange, Moment, read_moment
from geesync.simulator.computing.projections import Geometry
from geesync.simulator.computing.regions import footprint_of
from geesync.simulator.refusals import ExportRefused
from geesync.simulator.world.pixels import SimFeature

ALL = ".all"  #: the field that stands for an element's geometry

Compare = Callable[[Any, Any], bool]


@dataclass(frozen=True)
class Filter:
    """A test of an element of a collection."""

    test: Callable[[Any], bool]


def field_of(element: Any, name: str) -> Any:
    """Return what a filter compares: a property, an index, or the geometry."""
    if name in (ALL, ".geo"):
        return geometry_of(element)
    if isinstance(element, SimFeature) and name == "system:index":
        return element.index
    return element.properties.get(name)


def geometry_of(element: Any) -> Geometry | None:
    """Return where an element is; None if it is nowhere, or everywhere."""
    if isinstance(element, Image):
        try:
            return footprint_of(element.bands[0]) if element.bands else None
        except ExportRefused:  # an image without an end
            return None
    made: Geometry | None = PROMOTIONS[Geometry](element)
    return made


def _comparison(compare: Compare) -> Callable[..., Filter]:
    def make(
        left_field: str | None = None,
        right_value: Any = None,
        right_field: str | None = None,
        left_value: Any = None,
    ) -> Filter:
        def test(element: Any) -> bool:
            left = left_value if left_field is None else field_of(element, left_field)
            right = right_value if right_field is None else field_of(element, right_field)
            return left is not None and right is not None and compare(left, right)

        return Filter(test)

    return make


def _spatial(compare: Compare) -> Callable[..., Filter]:
    make = _comparison(compare)

    def make_spatial(
        left_field: str | None = None,
        right_value: Any = None,
        right_field: str | None = None,
        left_value: Any = None,
        max_error: Any = None,
    ) -> Filter:
        del max_error  # geometries are compared as they are
        return make(left_field, right_value, right_field, left_value)

    return make_spatial


def _comparable(compare: Compare) -> Compare:
    """Return the same, which is false of things that cannot be compared."""

    def safely(left: Any, right: Any) -> bool:
        left, right = _plain(left), _plain(right)
        return isinstance(left, str) == isinstance(right, str) and bool(compare(left, right))

    return safely


def _plain(value: Any) -> Any:
    return value.millis if isinstance(value, Moment) else value


def _texts(compare: Callable[[str, str], bool]) -> Compare:
    return lambda left, right: isinstance(left, str) and compare(left, str(right))


def _contains_date(left: Any, right: Any) -> bool:
    moment = read_moment(right)
    if not isinstance(left, DateRange):
        raise refused("Filter.dateRangeContains: The left operand must be a DateRange.")
    return moment is not None and moment in left


def _list_contains(left: Any, right: Any) -> bool:
    return isinstance(left, list) and right in left


def _intersects(left: Any, right: Any) -> bool:
    first, second = _shape(left), _shape(right)
    return first is not None and second is not None and bool(first.intersects(second))


def _contains(left: Any, right: Any) -> bool:
    first, second = _shape(left), _shape(right)
    return first is not None and second is not None and bool(first.contains(second))


def _shape(value: Any) -> Any:
    place = value if isinstance(value, Geometry) else geometry_of(value)
    return None if place is None else place.in_degrees()


def _range_contains(field: str, min_value: Any, max_value: Any) -> Filter:
    def test(element: Any) -> bool:
        value = _plain(field_of(element, field))
        within = _comparable(lambda low, high: low <= value <= high)
        same = isinstance(value, str) == isinstance(_plain(min_value), str)
        return value is not None and same and within(min_value, max_value)

    return Filter(test)


def _and(filters: list[Any]) -> Filter:
    return Filter(lambda element: all(each.test(element) for each in filters))


def _or(filters: list[Any]) -> Filter:
    return Filter(lambda element: any(each.test(element) for each in filters))


def _not(filter_: Filter) -> Filter:
    return Filter(lambda element: not filter_.test(element))


def _not_null(properties: list[Any]) -> Filter:
    return Filter(lambda element: all(field_of(element, name) is not None for name in properties))


CALENDAR: dict[str, Callable[[Any], int]] = {
    "year": lambda time: time.year,
    "month": lambda time: time.month,
    "day_of_month": lambda time: time.day,
    "day_of_year": lambda time: time.timetuple().tm_yday,
    "day_of_week": lambda time: time.isoweekday(),
    "hour": lambda time: time.hour,
    "minute": lambda time: time.minute,
}


def _calendar_range(start: int, end: int | None = None, field: str = "day_of_year") -> Filter:
    last = start if end is None else end
    if field not in CALENDAR:
        raise refused(f"Filter.calendarRange: Unknown field '{field}'.")

    def test(element: Any) -> bool:
        moment = read_moment(element.properties.get("system:time_start"))
        if moment is None:
            return False
        value = CALENDAR[field](moment.time)
        return start <= value <= last if start <= last else value >= start or value <= last

    return Filter(test)


COMPARISONS: dict[str, Compare] = {
    "equals": _comparable(lambda left, right: left == right),
    "notEquals": lambda left, right: _plain(left) != _plain(right),
    "lessThan": _comparable(lambda left, right: left < right),
    "lessThanOrEquals": _comparable(lambda left, right: left <= right),
    "greaterThan": _comparable(lambda left, right: left > right),
    "greaterThanOrEquals": _comparable(lambda left, right: left >= right),
    "dateRangeContains": _contains_date,
    "listContains": _list_contains,
    "inList": _list_contains,
    "stringContains": _texts(lambda left, right: right in left),
    "stringStartsWith": _texts(str.startswith),
    "stringEndsWith": _texts(str.endswith),
}
SPATIAL: dict[str, Compare] = {"intersects": _intersects, "contains": _contains}
SHORT = {
    "eq": "equals",
    "neq": "notEquals",
    "lt": "lessThan",
    "lte": "lessThanOrEquals",
    "gt": "greaterThan",
    "gte": "greaterThanOrEquals",
}

FILTERS = functions(
    {
        **{f"Filter.{name}": _comparison(compare) for name, compare in COMPARISONS.items()},
        **{f"Filter.{name}": _spatial(compare) for name, compare in SPATIAL.items()},
        **{f"Filter.{short}": _comparison(COMPARISONS[name]) for short, name in SHORT.items()},
        "Filter.rangeContains": _range_contains,
        "Filter.and": _and,
        "Filter.or": _or,
        "Filter.not": _not,
        "Filter.notNull": _not_null,
        "Filter.calendarRange": _calendar_range,
    }
)
