"""The message that carries an expression: a graph of values that name each other."""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any

from geesync.simulator.messages.reading import (
    anything,
    mapping,
    message,
    repeated,
    required,
    string,
)
from geesync.simulator.refusals import BadRequest
from geesync.simulator.world.pixels import Json

#: How deep an expression may be: evaluating it needs some calls of our own for each of its own.
MOST_LEVELS = 150

VALUE_KINDS = (
    "constantValue",
    "integerValue",
    "bytesValue",
    "arrayValue",
    "dictionaryValue",
    "functionDefinitionValue",
    "functionInvocationValue",
    "argumentReference",
    "valueReference",
)


def _value_node(value: Any, at: str) -> Json:
    parsed: Json = _VALUE_NODE(value, at)
    return parsed


_VALUE_NODE = required(
    message(
        {
            "constantValue": anything,
            "integerValue": string,
            "bytesValue": string,
            "arrayValue": message({"values": repeated(_value_node)}),
            "dictionaryValue": message({"values": mapping(_value_node)}),
            "functionDefinitionValue": required(
                message({"argumentNames": repeated(string), "body": string}), "body"
            ),
            "functionInvocationValue": required(
                message(
                    {
                        "functionName": string,
                        "functionReference": string,
                        "arguments": mapping(_value_node),
                    },
                    ("functionName", "functionReference"),
                ),
                "functionName",
                "functionReference",
            ),
            "argumentReference": string,
            "valueReference": string,
        },
        VALUE_KINDS,
    ),
    *VALUE_KINDS,
)


def expression(value: Any, at: str) -> Json:
    """Read an expression graph: references exist, none leads back, and they are not too deep."""
    parsed: Json = _EXPRESSION(value, at)
    values, result = parsed.get("values", {}), parsed.get("result", "")
    needs = {name: set(_references(node)) for name, node in values.items()}
    for name in {result}.union(*needs.values()):
        if name not in values:
            raise BadRequest(f"Invalid expression: reference to unknown value '{name}'.")
    try:
        order = list(TopologicalSorter(needs).static_order())
    except CycleError:
        raise BadRequest("Invalid expression: a value refers to itself.") from None
    levels: dict[str, int] = {}
    for name in order:
        levels[name] = _levels(values[name], levels)
    if levels[result] > MOST_LEVELS:
        raise BadRequest(
            f"Invalid expression: it is {levels[result]} calls deep (max: {MOST_LEVELS})."
        )
    return parsed


_EXPRESSION = message({"result": string, "values": mapping(_value_node)})


def children(node: Json) -> Iterator[Json]:
    """Yield the nodes that stand in a node."""
    yield from node.get("arrayValue", {}).get("values", ())
    yield from node.get("dictionaryValue", {}).get("values", {}).values()
    yield from node.get("functionInvocationValue", {}).get("arguments", {}).values()


def _own_references(node: Json) -> Iterator[str]:
    if "valueReference" in node:
        yield node["valueReference"]
    if "functionDefinitionValue" in node:
        yield node["functionDefinitionValue"]["body"]
    if "functionReference" in node.get("functionInvocationValue", {}):
        yield node["functionInvocationValue"]["functionReference"]


def _references(node: Json) -> Iterator[str]:
    """Yield the names of all values that a node refers to, in whatever depth."""
    yield from _own_references(node)
    for child in children(node):
        yield from _references(child)


def _levels(node: Json, known: dict[str, int]) -> int:
    """Return how many nodes stand in or behind each other at most; known: of other values."""
    below = [known[name] for name in _own_references(node)]
    below += [_levels(child, known) for child in children(node)]
    return 1 + max(below, default=0)
