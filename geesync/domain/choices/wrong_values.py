"""What is wrong with a value that a person gave, in words instead of types and patterns."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

#: By the first word of pydantic's name for the error:
#: https://docs.pydantic.dev/latest/errors/validation_errors/
_NEEDED = {
    "int": "a whole number",
    "float": "a number",
    "finite": "a finite number",
    "bool": "true or false",
    "string": "a text",
    "tuple": "a list",
    "list": "a list",
    "dict": "a section of keys",
    "model": "a section of keys",
    "path": "a path",
    "date": "a date, such as 2024-12-31,",
    "datetime": "a date, such as 2024-12-31,",
    "time": "a time, such as 90s, 5m, 6h or 1d,",
    "too": "at least one",
    "missing": "a value",
}

_BOUNDS = {
    "greater_than": "more than {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt}",
    "less_than_equal": "{le} or less",
    "literal_error": "{expected}",
    "enum": "{expected}",
}


def what_is_needed(error: ErrorDetails) -> str:
    """Return what one is to write instead of what was given."""
    kind, context = error["type"], error.get("ctx", {})
    if kind == "value_error":  # one of ours
        return str(context["error"])
    if kind in _BOUNDS:
        return f"{_BOUNDS[kind].format(**context)} is needed"
    needed = _NEEDED.get(kind.partition("_")[0])
    return f"{needed} is needed" if needed else error["msg"].lower()
