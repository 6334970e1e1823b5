"""Expressions of Earth Engine: calls of its functions, as requests carry them.

https://developers.google.com/earth-engine/reference/rest/v1/Expression
"""

from __future__ import annotations

import json
from typing import Any

from geesync.domain.json import Json

#: How Earth Engine's casts are called (``Image.toUint8``), where not by numpy's name of the type.
_CASTS = {"float32": "Float", "float64": "Double"}


def call(function: str, **arguments: Any) -> Json:
    """Return the ValueNode of a call; plain values become constants, nodes stay."""
    nodes = {
        name: value if isinstance(value, dict) else {"constantValue": value}
        for name, value in arguments.items()
    }
    return {"functionInvocationValue": {"functionName": function, "arguments": nodes}}


def cast(pixel_type: str, image: Json | float) -> Json:
    """Return the call that makes an image, or a constant, one of this type (numpy's name)."""
    value = image if isinstance(image, dict) else call("Image.constant", value=image)
    return call(f"Image.to{_CASTS.get(pixel_type, pixel_type.capitalize())}", value=value)


def expression(node: Json, values: Json | None = None) -> Json:
    """Return the expression whose result is a node; values: what that refers to, by name."""
    name = _WHOLE if values else "0"
    return {"result": name, "values": {**(values or {}), name: node}}


#: No name that Earth Engine's client gives to a value.
_WHOLE = "whole"


def loaded(image: str) -> tuple[Json, Json]:
    """Return an image as a node, and the values that it refers to.

    image: the name of an asset, or an expression as JSON text.
    """
    if not image.startswith("{"):
        return call("Image.load", id=image), {}
    expression = json.loads(image)
    return {"valueReference": expression["result"]}, expression["values"]
