"""What would take for ever, or all memory, is refused; nothing else waits for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from geesync.simulator import Simulator
from tests.live.account import Json, array, function

LEVELS = 60


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator("small") as running:
        yield running


def ask(simulator: Simulator, values: Json) -> httpx.Response:
    """Compute the last of some values."""
    url = f"{simulator.earth_engine_url}/v1/projects/{simulator.project}/value:compute"
    expression = {"result": str(len(values) - 1), "values": values}
    return httpx.post(url, content=json.dumps({"expression": expression}), timeout=30)


def doubled(first: Json, double: Any, last: Any = None) -> Json:
    """Return values each of which is twice the one before."""
    values = {"0": first}
    for level in range(1, LEVELS):
        before = {"valueReference": str(level - 1)}
        values[str(level)] = double(before, before)
    if last:
        values[str(LEVELS)] = last({"valueReference": str(LEVELS - 1)})
    return values


def call(name: str, *arguments: str) -> Any:
    return lambda *values: {
        "functionInvocationValue": {
            "functionName": name,
            "arguments": dict(zip(arguments, values, strict=True)),
        }
    }


NUMBER: Json = {"constantValue": 1}
ROWS = function("Collection", features=array([function("Feature", geometry=None, metadata={})]))
MERGED = call("Collection.merge", "collection1", "collection2")
MANY = function("List.sequence", start=1, end=1_000_000)
EACH = {"functionDefinitionValue": {"argumentNames": ["x"], "body": "0"}}


LONG = "a" * 60


def repeated(value: Any) -> Json:
    return function("List.repeat", value=value, count=10**6)


@pytest.mark.parametrize(
    "values",
    [
        doubled(NUMBER, lambda a, b: array([a, b])),
        doubled(NUMBER, lambda a, b: {"dictionaryValue": {"values": {"a": a, "b": b}}}),
        doubled(array([NUMBER]), call("List.cat", "list", "other")),
        doubled({"constantValue": "text"}, call("String.cat", "string1", "string2")),
        doubled(ROWS, MERGED, call("Collection.size", "collection")),
        doubled(ROWS, lambda a, b: call("Collection.flatten", "collection")(array([a, b]))),
        {"0": MANY, "1": call("List.map", "list", "baseAlgorithm")(MANY, EACH)},
        {
            "0": function(
                "List.repeat", value=function("List.repeat", value=1, count=10**6), count=10**6
            )
        },
        {"0": function("String.match", input="a" * 40, regex="(a|aa)+$b")},
        {"0": function("String.replace", input="a" * 10**6, regex="a", replacement="a" * 10**6)},
        {"0": function("Number.format", number=1, pattern="%999999999d")},
        {"0": function("Number.format", number=1, pattern="%.999999999f")},
        {
            "0": function(
                "Image.bandNames",
                image=function(
                    "Image.select",
                    input=function(
                        "Image.rename", input=function("Image.constant", value=1), names=[LONG]
                    ),
                    bandSelectors=["(a|aa)+b"],
                ),
            )
        },
    ],
    ids=[
        *("lists", "dictionaries", "longer lists", "texts", "collections", "flattened"),
        *("lists by mapping", "repeated lists", "a pattern", "many replacements"),
        *("a wide number", "a precise number", "a band's pattern"),
    ],
)
def test_what_would_never_end_is_refused(simulator: Simulator, values: Json) -> None:
    answer = ask(simulator, values)

    assert answer.status_code == 400, answer.text[:200]
    assert ask(simulator, {"0": NUMBER}).json() == {"result": 1}


def test_members_of_a_long_list_are_told_apart_at_once(simulator: Simulator) -> None:
    long = function("List.sequence", start=1, end=200_000)
    twice = call("List.cat", "list", "other")(long, long)

    distinct = ask(
        simulator, {"0": call("List.size", "list")(call("List.distinct", "list")(twice))}
    )
    rest = ask(simulator, {"0": call("List.removeAll", "list", "other")(twice, long)})
    ordered = ask(simulator, {"0": function("List.distinct", list=[2, 1, [3], 2, [3]])})

    assert distinct.json() == {"result": 200_000}
    assert rest.json() == {"result": []}
    assert ordered.json() == {"result": [2, 1, [3]]}
