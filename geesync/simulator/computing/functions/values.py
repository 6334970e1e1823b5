"""Functions of Earth Engine for numbers and texts, and the choice between two things."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from geesync.simulator.computing.arguments import functions, refused
from geesync.simulator.computing.image_functions.calculations import (
    BINARY,
    OLD_NAMES,
    UNARY,
    Calculation,
    on_numbers,
)
from geesync.simulator.computing.image_functions.image_bands import TYPES
from geesync.simulator.computing.moments import Moment
from geesync.simulator.computing.patterns import in_time, pattern
from geesync.simulator.computing.pixel_types import PixelType

Number = int | float

MOST_CHARACTERS = 1_000_000  #: of a text that is made


def _binary(calculation: Calculation) -> Callable[..., Any]:
    def apply(left: Number, right: Number) -> Any:
        return on_numbers(calculation, left, right)

    return apply


def _unary(calculation: Calculation) -> Callable[..., Any]:
    def apply(input_: Number) -> Any:
        return on_numbers(calculation, input_)

    return apply


def _cast(kind: PixelType) -> Callable[..., Any]:
    def apply(input_: Number) -> Any:
        return on_numbers(Calculation(lambda _: kind, kind.convert), input_)

    return apply


def _number_format(number: Number, pattern: str = "%s") -> str:
    if any(int(digits) > MOST_CHARACTERS for digits in re.findall(r"\d+", pattern)):
        raise refused("Number.format: The pattern asks for too many characters.")
    try:
        return pattern % (int(number) if re.search(r"%[-+0 #]*\d*d", pattern) else number)
    except (TypeError, ValueError) as error:
        raise refused(f"Number.format: Invalid pattern '{pattern}': {error}.") from error


def _number_parse(input_: str, radix: int = 10) -> Any:
    try:
        return int(input_, radix)
    except ValueError:
        try:
            return float(input_)
        except ValueError:
            raise refused(f"Number.parse: Cannot parse '{input_}' as a number.") from None


def as_text(input_: Any) -> str:
    """Return what ``ee.String`` makes of something."""
    if isinstance(input_, float) and input_.is_integer():
        return str(int(input_)) if abs(input_) < 10**15 else str(input_)
    return str(input_)


def _string_cat(string1: str, string2: str) -> str:
    return string1 + string2


def _string_slice(string: str, start: int, end: int | None = None) -> str:
    return string[start:end]


def _string_length(string: str) -> int:
    return len(string)


def _string_replace(input_: str, regex: str, replacement: str, flags: str = "") -> str:
    if (len(input_) + 1) * len(replacement) > MOST_CHARACTERS:
        raise refused("String.replace: The result may have too many characters.")
    backslashed = re.sub(r"\$(\d)", r"\\\1", replacement)
    replaced: str = in_time(
        pattern(regex, flags).sub, backslashed, input_, count=0 if "g" in flags else 1
    )
    return replaced


def _string_split(string: str, regex: str, flags: str = "") -> list[str]:
    parts: list[str] = in_time(pattern(regex, flags).split, string)
    return parts


def _string_match(input_: str, regex: str, flags: str = "") -> list[Any]:
    match = in_time(pattern(regex, flags).search, input_)
    return [] if match is None else [match[0], *match.groups()]


def _lower(string: str) -> str:
    return string.lower()


def _upper(string: str) -> str:
    return string.upper()


def _trim(string: str) -> str:
    return string.strip()


def _if(condition: Any = None, true_case: Any = None, false_case: Any = None) -> Any:
    empty = condition is None or condition in (0, "", False)
    return false_case if empty and not isinstance(condition, Moment) else true_case


VALUES = functions(
    {
        **{f"Number.{name}": _binary(calculation) for name, calculation in BINARY.items()},
        **{f"Number.{name}": _unary(calculation) for name, calculation in UNARY.items()},
        **{
            f"Number.{old}": _binary(BINARY[new]) for old, new in OLD_NAMES.items() if new in BINARY
        },
        **{
            f"Number.{form}": _cast(kind)
            for name, kind in TYPES.items()
            for form in (name, f"to{name.capitalize()}")
        },
        "Number.format": _number_format,
        "Number.parse": _number_parse,
        "String": as_text,
        "String.cat": _string_cat,
        "String.slice": _string_slice,
        "String.length": _string_length,
        "String.replace": _string_replace,
        "String.split": _string_split,
        "String.match": _string_match,
        "String.toLowerCase": _lower,
        "String.toUpperCase": _upper,
        "String.trim": _trim,
        "If": _if,
    }
)
