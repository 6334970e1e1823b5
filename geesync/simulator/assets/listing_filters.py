"""The filters of listings: comparisons joined by AND, as the Python client writes them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from shapely.geometry import shape

from geesync.simulator.clock import parse_rfc3339
from geesync.simulator.messages.geojson import region_of_text
from geesync.simulator.refusals import BadRequest
from geesync.simulator.world.pixels import SimAsset, SimFeature

Test = Callable[[SimAsset | SimFeature], bool]

COMPARISON = re.compile(
    r"""\s*(?P<field>properties\.(?:"[^"]+"|[\w:.-]+?)|\w+)\s*
        (?P<operator><=|>=|!=|=|<|>)\s*
        (?P<value>"[^"]*"|'[^']*'|[^\s"']+)\s*""",
    re.VERBOSE,
)
INTERSECTS = re.compile(
    r"""\s*intersects\(\s*(?P<quote>["'])(?P<place>.*)(?P=quote)\s*\)\s*""", re.DOTALL
)
MOST_CHARACTERS = 10_000
OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
    "=": lambda a, b: bool(a == b),
    "!=": lambda a, b: bool(a != b),
}
TIMES = {
    "startTime": "start_time",
    "endTime": "end_time",
    "updateTime": "update_time",
    "start_time": "start_time",
    "end_time": "end_time",
    "update_time": "update_time",
}


def read_filter(text: str) -> Test:
    """Return the test that a filter stands for.

    Raises BadRequest for what is beyond comparisons of times and properties, and places.
    """
    if not text.strip():
        return lambda _: True
    if len(text) > MOST_CHARACTERS:
        raise BadRequest(f"The filter is too long: {len(text)} characters.")
    tests = [_comparison(part, text) for part in re.split(r"\s+AND\s+|;", text)]
    return lambda asset: all(test(asset) for test in tests)


def _comparison(part: str, text: str) -> Test:
    if (place := INTERSECTS.fullmatch(part)) is not None:
        return _place_test(place["place"])
    match = COMPARISON.fullmatch(part)
    if match is None:
        raise BadRequest(f"Invalid filter: '{text}'.")
    field, operator, value = match["field"], OPERATORS[match["operator"]], match["value"]
    if field in TIMES:
        return _time_test(TIMES[field], operator, value.strip("\"'"))
    if field.startswith("properties."):
        return _property_test(field.removeprefix("properties.").strip('"'), operator, value)
    raise BadRequest(f"Invalid filter: unknown field '{field}'.")


def _place_test(text: str) -> Test:
    area = region_of_text(text)

    def test(asset: SimAsset | SimFeature) -> bool:
        return bool(asset.geometry) and bool(area.intersects(shape(asset.geometry)))

    return test


def _time_test(attribute: str, operator: Callable[[Any, Any], bool], value: str) -> Test:
    try:
        bound = parse_rfc3339(value)
    except ValueError:
        raise BadRequest(f"Invalid filter: '{value}' is not a time.") from None

    def test(asset: SimAsset | SimFeature) -> bool:
        moment = getattr(asset, attribute, None)
        return bool(moment) and operator(parse_rfc3339(str(moment)), bound)

    return test


def _property_test(key: str, operator: Callable[[Any, Any], bool], value: str) -> Test:
    bound: Any = value.strip("\"'")
    if value == bound:
        try:
            bound = float(value)
        except ValueError:
            bound = value

    def test(asset: SimAsset | SimFeature) -> bool:
        actual = asset.properties.get(key)
        kind = str if isinstance(bound, str) else int | float
        return isinstance(actual, kind) and operator(actual, bound)

    return test
