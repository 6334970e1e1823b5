"""JSON as the service takes it: in UTF-8, of bounded depth, and nothing that JSON is not."""

from __future__ import annotations

import json
import math
from typing import Any

from geesync.simulator.refusals import BadRequest

DIGITS_OF_INT64 = 19
MOST_LEVELS = 100  #: of objects and lists in each other, as protocol buffers have it


def read_json(raw: bytes) -> Any:
    """Return what a text says; raises BadRequest if it is no JSON, or no text can be made of it."""
    try:
        value = json.loads(
            raw.decode(), parse_constant=_refuse, parse_float=_finite, parse_int=_whole
        )
        if b"\\ud" in raw.lower():  # half a character can be written, but not be sent on
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise BadRequest("Invalid JSON payload received. Unexpected token.") from None
    _check_depth(value)
    return value


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _whole(text: str) -> float:
    """Return a whole number, as a double if 64 bits might not hold it."""
    return int(text) if len(text) < DIGITS_OF_INT64 else _finite(text)


def _check_depth(value: Any) -> None:
    level: list[Any] = [value]
    for _ in range(MOST_LEVELS):
        level = [member for outer in level for member in _members(outer)]
        if not level:
            return
    raise BadRequest(
        "Invalid JSON payload received. Message too deep. Max recursion depth reached."
    )


def _members(value: Any) -> list[Any]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [member for member in inner if isinstance(member, dict | list)]
