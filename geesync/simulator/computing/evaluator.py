"""Evaluates expressions: the graphs of function calls that exports are described by."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from geesync.simulator.computing.functions import FUNCTIONS
from geesync.simulator.computing.scene import Scene
from geesync.simulator.messages.expression_message import children
from geesync.simulator.refusals import INVALID_ARGUMENT, BadRequest, ExportRefused
from geesync.simulator.world.names import canonical
from geesync.simulator.world.pixels import Json

#: What our functions raise of arguments that Earth Engine would not have taken either.
MISFITS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
    re.error,
)


def check(expression: Json) -> None:
    """Raise BadRequest if a graph calls functions that we lack, or calls them wrongly.

    expression: already read by ``schemas``, so that nodes and references are as they must be.
    """
    for node in expression["values"].values():
        for call in _calls(node):
            _check_call(call)


def evaluate(expression: Json, scene: Scene) -> Any:
    """Return what an expression that passed ``check`` stands for: an Image or a Table.

    No pixel is made and no row is read before it is asked for. Raises ExportRefused if an
    asset is missing or an argument does not fit.
    """
    graph = _Graph(expression["values"], scene)
    try:
        return graph.reference(expression["result"], {})
    except MISFITS as error:
        raise ExportRefused(INVALID_ARGUMENT, f"Invalid argument: {error}") from error


def loaded_assets(node: Any) -> Iterator[str]:
    """Yield the names of the assets that an expression, or a part of one, loads."""
    if isinstance(node, list):
        for member in node:
            yield from loaded_assets(member)
    elif isinstance(node, dict):
        arguments = node.get("arguments", {})
        for key in ("id", "tableId"):
            constant = arguments.get(key, {}) if isinstance(arguments, dict) else {}
            if isinstance(constant, dict) and isinstance(constant.get("constantValue"), str):
                yield canonical(constant["constantValue"])
        for member in node.values():
            yield from loaded_assets(member)


def _calls(node: Json) -> Iterator[Json]:
    """Yield all calls in a node, outermost first."""
    if "functionInvocationValue" in node:
        yield node["functionInvocationValue"]
    for child in children(node):
        yield from _calls(child)


def _check_call(call: Json) -> None:
    name = call.get("functionName")
    if name is None:
        raise BadRequest("Invalid expression: only functions that have a name can be called.")
    if name not in FUNCTIONS:
        raise BadRequest(f"Function '{name}' is not supported by this simulator.")
    function, given = FUNCTIONS[name], call.get("arguments", {})
    for argument in function.required:
        if argument not in given:
            raise BadRequest(f"{name}: Parameter '{argument}' is required.")
    for argument in given:
        if argument not in (*function.required, *function.optional):
            raise BadRequest(f"{name}: Unrecognized or unsupported argument '{argument}'.")


class _Graph:
    """One evaluation; values that several nodes refer to are made once."""

    def __init__(self, values: Json, scene: Scene) -> None:
        self._values = values
        self._scene = scene
        self._made: dict[str, Any] = {}

    def reference(self, key: str, variables: Mapping[str, Any]) -> Any:
        """Return a value by its key; variables: the arguments of functions around it."""
        if variables:
            return self._node(self._values[key], variables)
        if key not in self._made:
            self._made[key] = self._node(self._values[key], variables)
        return self._made[key]

    def _node(self, node: Json, variables: Mapping[str, Any]) -> Any:
        ((kind, content),) = node.items()
        match kind:
            case "constantValue":
                value = content
            case "integerValue":
                value = int(content)
            case "arrayValue":
                value = [self._node(child, variables) for child in content.get("values", ())]
            case "dictionaryValue":
                value = self._each(content.get("values", {}), variables)
            case "valueReference":
                value = self.reference(content, variables)
            case "argumentReference":
                value = variables[content]
            case _:
                value = self._functional(kind, content, variables)
        return value

    def _functional(self, kind: str, content: Json, variables: Mapping[str, Any]) -> Any:
        if kind == "functionInvocationValue":
            arguments = self._each(content.get("arguments", {}), variables)
            return FUNCTIONS[content["functionName"]].apply(self._scene, arguments)
        if kind == "functionDefinitionValue":
            names = content["argumentNames"]
            return lambda *given: self.reference(
                content["body"], {**variables, **dict(zip(names, given, strict=True))}
            )
        raise ExportRefused(INVALID_ARGUMENT, f"Unsupported kind of value: {kind}")

    def _each(self, nodes: Json, variables: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self._node(node, variables) for name, node in nodes.items()}
