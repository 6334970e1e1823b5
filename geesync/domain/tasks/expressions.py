"""Expressions of Earth Engine: calls of its functions, as requests carry them.

https://developers.google.com/earth-engine/reference/rest/v1/Expression
"""

from __future__ import annotations

from typing import Any

from geesync.domain.json import Json

#: Earth Engine's casts, by numpy's names.
CASTS = {
    "uint8": "Image.toUint8",
    "int8": "Image.toInt8",
    "uint16": "Image.toUint16",
    "int16": "Image.toInt16",
    "uint32": "Image.toUint32",
    "int32": "Image.toInt32",
    "int64": "Image.toInt64",
    "float32": "Image.toFloat",
    "float64": "Image.toDouble",
}


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
    return call(CASTS[pixel_type], value=value)


def expression(node: Json) -> Json:
    """Return the expression whose result is a node."""
    return {"result": "0", "values": {"0": node}}
