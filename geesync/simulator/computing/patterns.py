"""Regular expressions of users: as Earth Engine's, but none may take for ever."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import regex

from geesync.simulator.computing.arguments import refused

Made = TypeVar("Made")

MOST_S = 0.5  #: of a match: a pattern like ``(a+)+b`` can take as long as it likes


def pattern(text: str, flags: str = "") -> Any:
    """Return a pattern; raises ExportRefused if it is none. flags: ``i`` for either case."""
    try:
        return regex.compile(text, regex.IGNORECASE if "i" in flags else 0)
    except regex.error as error:
        raise refused(f"Invalid regular expression '{text}': {error}.") from error


def in_time(match: Callable[..., Made], *given: Any, **named: Any) -> Made:
    """Return what a method of a pattern makes of a text.

    Raises ExportRefused if it takes too long, or if a replacement names a group that is not there.
    """
    try:
        return match(*given, **named, timeout=MOST_S)
    except TimeoutError:
        raise refused("Computation timed out.") from None
    except regex.error as error:
        raise refused(f"Invalid regular expression: {error}.") from error
