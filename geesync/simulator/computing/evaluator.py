"""Evaluates expressions: the graphs of function calls that exports are described by."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from geesync.simulator.computing.arguments import Algorithm
from geesync.simulator.computing.functions.table import FUNCTIONS
from geesync.simulator.computing.scene import A_CALL, Scene
from geesync.simulator.messages.expression_message import children
from geesync.simulator.refusals import (
    INVALID_ARGUMENT,
    RESOURCE_EXHAUSTED,
    BadRequest,
    ExportRefused,
)
from geesync.simulator.world.names import canonical
from geesync.simulator.world.pixels import Json

MOST_SIZE = 2_000_000  #: of a value, as ``size_of`` counts it

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
    """Return what an expression that passed ``check`` stands for: an Image, a number and so on.

    No pixel is made and no row is read before it is asked for. Raises ExportRefused if an
    asset is missing or an argument does not fit.
    """
    graph = _Graph(expression["values"], scene)
    try:
        return graph.reference(expression["result"], _Scope({}))
    except MISFITS as error:
        raise ExportRefused(INVALID_ARGUMENT, f"Invalid argument: {error}") from error


def size_of(value: Any, known: dict[int, int] | None = None) -> int:
    """Return how many members a value has, or characters if it is a text; all else is 1.

    What several members share is counted for each of them, as whoever writes it out will; but it
    is looked at once: known are the sizes of what was.
    """
    if isinstance(value, str):
        return 1 + len(value)
    if not isinstance(value, list | dict):
        return 1
    known = {} if known is None else known
    if id(value) not in known:
        members = value if isinstance(value, list) else value.values()
        inner = (size_of(member, known) - 1 for member in members if isinstance(member, SIZED))
        known[id(value)] = 1 + len(members) + sum(inner)
    return known[id(value)]


SIZED = (str, list, dict)


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
    if "functionReference" in call:
        return  # what is called is known only when it is evaluated
    name = call["functionName"]
    if name not in FUNCTIONS:
        raise BadRequest(f"Function '{name}' is not supported by this simulator.")
    function, given = FUNCTIONS[name], call.get("arguments", {})
    for argument in function.required:
        if argument not in given:
            raise BadRequest(f"{name}: Parameter '{argument}' is required.")
    for argument in given:
        if argument not in (*function.required, *function.optional):
            raise BadRequest(f"{name}: Unrecognized or unsupported argument '{argument}'.")


class _Scope:
    """The arguments of a function while it is applied; none around everything.

    Values that several nodes refer to are made once.
    """

    def __init__(self, variables: Mapping[str, Any]) -> None:
        self.variables = variables
        self.made: dict[str, Any] = {}


class _Graph:
    """One evaluation."""

    def __init__(self, values: Json, scene: Scene) -> None:
        self._values = values
        self._scene = scene

    def reference(self, key: str, scope: _Scope) -> Any:
        """Return a value by its key."""
        if key not in scope.made:
            scope.made[key] = self._node(self._values[key], scope)
        return scope.made[key]

    def _node(self, node: Json, scope: _Scope) -> Any:
        ((kind, content),) = node.items()
        match kind:
            case "constantValue":
                value = content
            case "integerValue":
                value = int(content)
            case "arrayValue":
                nodes = content.get("values", ())
                value = self._paid([self._node(child, scope) for child in nodes])
            case "dictionaryValue":
                value = self._paid(self._each(content.get("values", {}), scope))
            case "valueReference":
                value = self.reference(content, scope)
            case "argumentReference":
                value = scope.variables[content]
            case _:
                value = self._functional(kind, content, scope)
        return value

    def _functional(self, kind: str, content: Json, scope: _Scope) -> Any:
        if kind == "functionInvocationValue":
            return self._call(content, self._each(content.get("arguments", {}), scope), scope)
        if kind == "functionDefinitionValue":
            names = tuple(content.get("argumentNames", ()))

            def apply(*given: Any) -> Any:
                known = dict(zip(names, given, strict=True))
                return self.reference(content["body"], _Scope({**scope.variables, **known}))

            return Algorithm(names, apply)
        raise ExportRefused(INVALID_ARGUMENT, f"Unsupported kind of value: {kind}")

    def _call(self, content: Json, arguments: dict[str, Any], scope: _Scope) -> Any:
        if "functionName" in content:
            return self._paid(FUNCTIONS[content["functionName"]].apply(self._scene, arguments))
        algorithm = self.reference(content["functionReference"], scope)
        if not isinstance(algorithm, Algorithm):
            message = "Invalid expression: what is called is no function."
            raise ExportRefused(INVALID_ARGUMENT, message)
        return algorithm.named(arguments)

    def _paid(self, value: Any) -> Any:
        """Return a value that was made, once it is counted."""
        size = size_of(value)
        if size > MOST_SIZE:
            raise ExportRefused(RESOURCE_EXHAUSTED, "User memory limit exceeded.")
        self._scene.spend(A_CALL + size)
        return value

    def _each(self, nodes: Json, scope: _Scope) -> dict[str, Any]:
        return {name: self._node(node, scope) for name, node in nodes.items()}
