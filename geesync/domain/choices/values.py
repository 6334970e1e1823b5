"""How values are written by people: durations, sizes, paths, lists of names."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from geesync.domain.choices.timetable import Timetable

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?", re.IGNORECASE)
_LAST_PORT = 65535
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}


def _duration(value: Any) -> Any:
    """Read ``"90s"``, ``"5m"``, ``"6h"``, ``"1d"``; plain numbers are seconds."""
    found = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    with _refusing("a shorter time"):
        return timedelta(**{_UNITS[found[2]]: float(found[1])}) if found else value


def _size(value: Any) -> Any:
    """Read ``"500M"``, ``"20G"`` (powers of 1024); plain numbers are bytes."""
    found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    with _refusing("a smaller size"):
        return int(float(found[1]) * 1024 ** _POWERS[found[2].upper()]) if found else value


def _share(value: Any) -> Any:
    """Read ``"5%"``, ``"all"`` and ``"none"``; plain numbers are shares of 1."""
    if not isinstance(value, str):
        return value
    told = value.strip().lower()
    if told in {"all", "none"}:
        return float(told == "all")
    return float(told[:-1]) / 100 if told.endswith("%") else value


def _timetable(text: str) -> str:
    Timetable.parse(text)
    return text


def _path(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if not value:
        raise ValueError("a path is needed")
    with _refusing("the home of a user who exists"):
        return Path(value).expanduser().absolute()


def _names(value: Any) -> Any:
    """Read ``"a, b"``, as the environment has no lists."""
    return [name.strip() for name in value.split(",")] if isinstance(value, str) else value


def one_or_more(value: Any) -> Any:
    """Read one text as a list of it."""
    return [value] if isinstance(value, str) else value


def _command(value: Any) -> Any:
    """Read ``"program 'an argument'"`` as a shell would, without one."""
    return shlex.split(value) if isinstance(value, str) else value


def _address(value: str) -> str:
    port = value.rpartition(":")[2]
    if not value.startswith("unix:") and port and int(port) > _LAST_PORT:
        raise ValueError(f"a port up to {_LAST_PORT} is needed")
    return value


@contextmanager
def _refusing(needed: str) -> Iterator[None]:
    """Turn what Python cannot compute into what pydantic reports."""
    try:
        yield
    except (OverflowError, RuntimeError) as error:
        raise ValueError(f"{needed} is needed") from error


Wait = Annotated[timedelta, BeforeValidator(_duration), Field(ge=timedelta())]
Duration = Annotated[timedelta, BeforeValidator(_duration), Field(gt=timedelta())]
SizeBytes = Annotated[int, BeforeValidator(_size), Field(ge=0)]
AbsolutePath = Annotated[Path, BeforeValidator(_path)]
Names = Annotated[tuple[str, ...], BeforeValidator(_names)]
Share = Annotated[float, BeforeValidator(_share), Field(ge=0, le=1)]
TimetableText = Annotated[str, AfterValidator(_timetable)]
ListenAddress = Annotated[
    str,
    Field(pattern=r"^(?:unix:/.+|(?:\[[0-9a-f:]+\]|[^:/\s]+):\d{1,5}|)$"),
    AfterValidator(_address),
]
Command = Annotated[tuple[str, ...], BeforeValidator(_command)]
