"""The message that carries an expression: a graph of values that name each other."""

from __future__ import annotations

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
            "functionDefinitionValue": message({"argumentNames": repeated(string), "body": string}),
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
    """Read an expression graph whose result and references all exist."""
    parsed: Json = _EXPRESSION(value, at)
    values = parsed.get("values", {})
    for name in [parsed.get("result", ""), *_references(parsed)]:
        if name not in values:
            raise BadRequest(f"Invalid expression: reference to unknown value '{name}'.")
    return parsed


_EXPRESSION = message({"result": string, "values": mapping(_value_node)})


def _references(node: Any) -> list[str]:
    """Return the names of all values that some part of an expression refers to."""
    if isinstance(node, list):
        return [name for member in node for name in _references(member)]
    if not isinstance(node, dict):
        return []
    own = [node[key] for key in ("valueReference", "functionReference") if key in node]
    inner = [member for key, member in node.items() if key != "constantValue"]
    return own + [name for member in inner for name in _references(member)]
