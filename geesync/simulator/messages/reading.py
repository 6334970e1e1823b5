"""Strict reading of request bodies, as a protocol buffer parser does it.

A parser takes a JSON value and the path to it in snake_case, and returns the value with
wrappers opened and numbers as numbers; anything that the message does not have is refused in
the words of the real service.
"""

from __future__ import annotations

import functools
import math
import re
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from geesync.simulator.clock import EPOCH, parse_rfc3339, rfc3339
from geesync.simulator.refusals import BadRequest
from geesync.simulator.world.pixels import Json

Parser = Callable[[Any, str], Any]

INT32_BITS = 31
INT64_BITS = 63
NANOS_A_SECOND = 10**9
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
NAMES_KEPT = 1000  #: there are some hundred fields; what clients make up is no matter


def parse(message: Parser, body: Any) -> Json:
    """Return a request body, read as this message.

    Raises BadRequest naming the first thing in it that the message does not allow.
    """
    parsed: Json = message(body, "")
    return parsed


def message(fields: Mapping[str, Parser], *unions: tuple[str, ...]) -> Parser:
    """Read an object with these fields; of each union at most one member may be set."""

    def read(value: Any, at: str) -> Json:
        if not isinstance(value, dict):
            raise _invalid(value, at, "message")
        parsed: Json = {}
        for key, member in value.items():
            name = camel_case(key)
            if name not in fields:
                raise unknown_name(key, at)
            if member is not None:
                parsed[name] = fields[name](member, _join(at, snake_case(name)))
        _check_unions(parsed, unions, at)
        return parsed

    return read


def required(parser: Parser, *alternatives: str) -> Parser:
    """Read a message in which one of these fields must be set."""

    def read(value: Any, at: str) -> Json:
        parsed: Json = parser(value, at)
        if not any(name in parsed for name in alternatives):
            where = f" in '{at}'" if at else ""
            raise BadRequest(f"Must specify one of {', '.join(alternatives)}{where}.")
        return parsed

    return read


def repeated(parser: Parser) -> Parser:
    """Read a list."""

    def read(value: Any, at: str) -> list[Any]:
        members = value if isinstance(value, list) else [value]
        return [parser(member, f"{at}[{index}]") for index, member in enumerate(members)]

    return read


def mapping(parser: Parser) -> Parser:
    """Read an object with free keys."""

    def read(value: Any, at: str) -> Json:
        if not isinstance(value, dict):
            raise _invalid(value, at, "map")
        return {key: parser(member, f"{at}[{key}]") for key, member in value.items()}

    return read


def wrapped(parser: Parser) -> Parser:
    """Read ``{"value": x}`` or plain ``x``: the Python client sends the former."""
    wrapper = message({"value": parser})

    def read(value: Any, at: str) -> Any:
        if isinstance(value, dict):
            return wrapper(value, at).get("value", 0)
        return parser(value, at)

    return read


def enum(*names: str) -> Parser:
    """Read one of these words."""

    def read(value: Any, at: str) -> str:
        if value not in names:
            raise _invalid(value, at, "TYPE_ENUM")
        return str(value)

    return read


def checked(parser: Parser, fits: Callable[[Any], bool], otherwise: str) -> Parser:
    """Read what must also fit; if it does not, it is refused: ``at`` and ``otherwise``."""

    def read(value: Any, at: str) -> Any:
        parsed = parser(value, at)
        if not fits(parsed):
            raise BadRequest(f"Invalid value at '{at}': {otherwise}")
        return parsed

    return read


def not_negative(parser: Parser) -> Parser:
    """Read a number that may be zero."""
    return checked(parser, lambda number: number >= 0, "it must not be negative.")


def positive(parser: Parser) -> Parser:
    """Read a number above zero."""
    return checked(parser, lambda number: number > 0, "it must be positive.")


def string(value: Any, at: str) -> str:
    """Read a text."""
    if not isinstance(value, str):
        raise _invalid(value, at, "TYPE_STRING")
    return value


def boolean(value: Any, at: str) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise _invalid(value, at, "TYPE_BOOL")
    return value


def double(value: Any, at: str) -> float:
    """Read a number; JSON's texts for the numbers that it cannot write are allowed."""
    if value in ("NaN", "Infinity", "-Infinity"):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _invalid(value, at, "TYPE_DOUBLE")
    if abs(value) > sys.float_info.max:
        raise _invalid(value, at, "TYPE_DOUBLE")
    return value


def finite(value: Any, at: str) -> float:
    """Read a number that is no infinity, and not none."""
    number = double(value, at)
    if not math.isfinite(number):
        raise _invalid(value, at, "TYPE_DOUBLE")
    return number


def timestamp(value: Any, at: str) -> str:
    """Read a moment: RFC 3339, or ``{"seconds": …, "nanos": …}`` as some clients send it.

    Returns it as RFC 3339 in UTC, to the microsecond.
    """
    try:
        moment = _seconds(value, at) if isinstance(value, dict) else _rfc3339(string(value, at))
    except (ValueError, OverflowError):
        raise BadRequest(
            f"Invalid value at '{at}' (type.googleapis.com/google.protobuf.Timestamp), Field"
            f" '{camel_case(at.rpartition('.')[2])}', Illegal timestamp format; timestamps must end"
            " with 'Z' or have a valid timezone offset."
        ) from None
    return rfc3339(moment)


def _seconds(value: Json, at: str) -> datetime:
    parsed = _SECONDS(value, at)
    nanos = parsed.get("nanos", 0)
    if not 0 <= nanos < NANOS_A_SECOND:
        raise ValueError(nanos)
    return EPOCH + timedelta(seconds=parsed.get("seconds", 0), microseconds=nanos // 1000)


def _rfc3339(text: str) -> datetime:
    if RFC3339.fullmatch(text) is None:
        raise ValueError(text)
    return parse_rfc3339(text).astimezone(UTC)


def int32(value: Any, at: str) -> int:
    """Read a 32-bit integer."""
    return _integer(value, at, "TYPE_INT32", INT32_BITS)


def int64(value: Any, at: str) -> int:
    """Read a 64-bit integer, which JSON carries as a text."""
    return _integer(value, at, "TYPE_INT64", INT64_BITS)


def anything(value: Any, at: str) -> Any:  # noqa: ARG001 - has a parser's shape
    """Read any JSON value."""
    return value


_SECONDS = message({"seconds": int64, "nanos": int32})


def _integer(value: Any, at: str, kind: str, bits: int) -> int:
    whole = isinstance(value, (int, str)) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not whole:
        raise _invalid(value, at, kind)
    try:
        number = int(value)
    except ValueError:
        raise _invalid(value, at, kind) from None
    if not -(1 << bits) <= number < 1 << bits:
        raise _invalid(value, at, kind)
    return number


def _check_unions(parsed: Json, unions: tuple[tuple[str, ...], ...], at: str) -> None:
    for union in unions:
        present = [name for name in parsed if name in union]
        if len(present) > 1:
            where = f" at '{at}'" if at else ""
            raise BadRequest(
                f"Invalid value{where} (oneof), oneof field is already set."
                f" Cannot set '{present[1]}'"
            )


def unknown_name(key: str, at: str) -> BadRequest:
    """Return the refusal of a field that the message does not have."""
    where = f" at '{at}'" if at else ""
    return BadRequest(
        f'Invalid JSON payload received. Unknown name "{key}"{where}: Cannot find field.'
    )


def _invalid(value: Any, at: str, kind: str) -> BadRequest:
    return BadRequest(f"Invalid value at '{at}' ({kind}), {str(value)[:200]!r}")


def _join(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name


@functools.lru_cache(maxsize=NAMES_KEPT)
def snake_case(name: str) -> str:
    """Return ``file_format`` for ``fileFormat``."""
    return re.sub(r"([A-Z])", lambda capital: "_" + capital.group(1).lower(), name)


@functools.lru_cache(maxsize=NAMES_KEPT)
def camel_case(name: str) -> str:
    """Return ``fileFormat`` for ``file_format``; other names as they are."""
    return re.sub(r"_([a-z])", lambda letter: letter.group(1).upper(), name)


def unknown_query(key: str) -> BadRequest:
    """Return the refusal of a query parameter that the method does not have."""
    return BadRequest(
        f'Invalid JSON payload received. Unknown name "{key}": Cannot bind query parameter.'
        f" Field '{key}' could not be found in request message."
    )
