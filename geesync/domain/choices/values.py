"""How values are written by people: durations, sizes, rates by the hour, paths, lists of names."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d)")
_LONGEST = timedelta(days=36_500)  #: a clock can hold it after any date of ours
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)i?B?", re.IGNORECASE)
_LAST_PORT = 65535
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_MIN = 24 * 60
_ENTRY = re.compile(r"(?:([a-z]{3})[a-z]*-)?([01]?\d|2[0-3]):([0-5]\d),(\S+)", re.IGNORECASE)
_RATE = re.compile(r"(\d+(?:\.\d+)?)([BKMGT]?)i?B?(?:/s)?", re.IGNORECASE)
_RATE_POWERS = _POWERS | {"B": 0, "": 1}


@dataclass(frozen=True)
class Timetable:
    """Rates by minute of the week, each until the next, in the form that rclone takes.

    ``"08:00,2M 19:00,off"``; a rate alone holds always; an entry may name its weekday:
    ``"Mon-08:00,2M Sat-00:00,off"``. Bytes a second, with K, M, G in powers of 1024; a number alone
    is KiB.
    """

    entries: tuple[tuple[int, float | None], ...]  #: (minute since Monday 00:00, bytes/s or None)

    @classmethod
    def parse(cls, text: str) -> Timetable:
        """Read a timetable. Raises ValueError that says which entry is wrong."""
        words = text.split()
        if len(words) == 1 and "," not in words[0]:
            return cls(((0, _rate(words[0])),))
        entries: dict[int, float | None] = {}
        # A named day, which begins with no digit, counts for more than every day.
        for word in sorted(words, key=lambda word: not word[:1].isdigit()):
            entries |= _entry(word)
        if not entries:
            raise ValueError('it is empty; "off" is no limit')
        return cls(tuple(sorted(entries.items())))

    def rate_at(self, local: datetime) -> float | None:
        """Return the rate at a local time, in bytes/s; None is no limit."""
        minute = local.weekday() * _DAY_MIN + local.hour * 60 + local.minute
        begun = [rate for start, rate in self.entries if start <= minute]
        return begun[-1] if begun else self.entries[-1][1]


def _entry(word: str) -> dict[int, float | None]:
    found = _ENTRY.fullmatch(word)
    if not found or (found[1] and found[1].lower() not in _DAYS):
        raise ValueError(f'{word!r} is not like "08:00,2M" or "Mon-08:00,2M"')
    minute = int(found[2]) * 60 + int(found[3])
    days = [_DAYS.index(found[1].lower())] if found[1] else range(len(_DAYS))
    rate = _rate(found[4])
    return {day * _DAY_MIN + minute: rate for day in days}


def _rate(text: str) -> float | None:
    if text.lower() == "off":
        return None
    found = _RATE.fullmatch(text)
    if not found or not float(found[1]):
        raise ValueError(f'{text!r} is not like "2M" or "off"')
    return float(found[1]) * float(1024 ** _RATE_POWERS[found[2].upper()])


def _duration(value: Any) -> Any:
    """Read ``"90s"``, ``"5m"``, ``"6h"``, ``"1d"``; plain numbers are seconds."""
    if not isinstance(value, str):
        return value
    found = _DURATION.fullmatch(value.strip())
    if not found:
        raise ValueError("a time, such as 90s, 5m, 6h or 1d, is needed")
    with _refusing("a shorter time"):
        return timedelta(**{_UNITS[found[2]]: float(found[1])})


def _not_negative(value: timedelta) -> timedelta:
    if value < timedelta():
        raise ValueError("0s or more is needed")
    if value > _LONGEST:
        raise ValueError("a shorter time is needed")
    return value


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta():
        raise ValueError("more than 0s is needed")
    return _not_negative(value)


def _written_duration(value: timedelta) -> str:
    """Return a duration as one would write it: in the largest unit that has a whole number."""
    seconds = value.total_seconds()
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and not seconds % length:
            return f"{seconds / length:.0f}{unit}"
    return f"{seconds:.6f}".rstrip("0").rstrip(".") + "s"


def _size(value: Any) -> Any:
    """Read ``"500M"``, ``"20G"`` (powers of 1024); plain numbers are bytes."""
    if not isinstance(value, str):
        return value
    found = _SIZE.fullmatch(value.strip())
    if not found:
        raise ValueError("a size, such as 500M or 20G, is needed")
    with _refusing("a smaller size"):
        return int(float(found[1]) * 1024 ** _POWERS[found[2].upper()])


def _written_size(value: int) -> str | int:
    """Return a size as one would write it: in the largest unit that has a whole number."""
    for unit in "TGMK":
        if value and not value % 1024 ** _POWERS[unit]:
            return f"{value // 1024 ** _POWERS[unit]}{unit}"
    return value


def _share(value: Any) -> Any:
    """Read ``"5%"``, ``"all"`` and ``"none"``; plain numbers are shares of 1."""
    if not isinstance(value, str):
        return value
    text = value.strip().lower()
    if text in {"all", "none"}:
        return float(text == "all")
    try:
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        raise ValueError('a share, such as "5%", "all" or "none", is needed') from None


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
    """Read ``"a, b"``: the environment has no lists, and nor has the command line."""
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


def matching(pattern: str, needed: str) -> AfterValidator:
    """Return what refuses a text that is not wholly like a pattern, in the words of ``needed``."""

    def refuse_others(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"{needed} is needed")
        return value

    return AfterValidator(refuse_others)


_AsWritten = PlainSerializer(_written_duration, when_used="json")
Wait = Annotated[timedelta, BeforeValidator(_duration), AfterValidator(_not_negative), _AsWritten]
Duration = Annotated[timedelta, BeforeValidator(_duration), AfterValidator(_positive), _AsWritten]
SizeBytes = Annotated[
    int,
    BeforeValidator(_size),
    PlainSerializer(_written_size, when_used="json"),
    Field(ge=0, le=2**60),
]
Count = Annotated[int, Field(ge=1, le=10**9)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
PerSecond = Annotated[float, Field(ge=0.001, le=10**6)]
Url = Annotated[str, matching(r"https?://[^/\s]+\S*", "an address, http://… or https://…,")]
AbsolutePath = Annotated[Path, BeforeValidator(_path)]
COMMA_SEPARATED = BeforeValidator(_names)
Names = Annotated[tuple[str, ...], COMMA_SEPARATED]
Share = Annotated[float, BeforeValidator(_share), Field(ge=0, le=1)]
TimetableText = Annotated[str, AfterValidator(_timetable)]
ListenAddress = Annotated[
    str,
    matching(
        r"unix:/.+|(?:\[[0-9a-f:]+\]|[^:/\s]+):\d{1,5}|", "host and port, unix:/a/path, or nothing"
    ),
    AfterValidator(_address),
]
Command = Annotated[tuple[str, ...], BeforeValidator(_command)]
