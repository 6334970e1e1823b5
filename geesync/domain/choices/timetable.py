"""A limit that depends on the time: ``"08:00,2M 19:00,off"``, in the form that rclone takes.

A rate alone holds always. An entry may name its weekday: ``"Mon-08:00,2M Sat-00:00,off"``. Rates
are bytes a second, with K, M, G in powers of 1024; a number alone is KiB, as with rclone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_MIN = 24 * 60
_ENTRY = re.compile(r"(?:([a-z]{3})[a-z]*-)?([01]?\d|2[0-3]):([0-5]\d),(\S+)", re.IGNORECASE)
_RATE = re.compile(r"(\d+(?:\.\d+)?)([BKMGT]?)i?B?(?:/s)?", re.IGNORECASE)
_POWERS = {"B": 0, "": 1, "K": 1, "M": 2, "G": 3, "T": 4}


@dataclass(frozen=True)
class Timetable:
    """Rates by minute of the week, each until the next."""

    entries: tuple[tuple[int, float | None], ...]  #: (minute since Monday 00:00, bytes/s or None)

    @classmethod
    def parse(cls, text: str) -> Timetable:
        """Read a timetable. Raises ValueError that says which entry is wrong."""
        words = text.split()
        if len(words) == 1 and "," not in words[0]:
            return cls(((0, _rate(words[0])),))
        entries: dict[int, float | None] = {}
        for word in sorted(words, key=_has_day):  # a named day counts for more than every day
            entries |= _entry(word)
        if not entries:
            raise ValueError('it is empty; "off" is no limit')
        return cls(tuple(sorted(entries.items())))

    def rate_at(self, local: datetime) -> float | None:
        """Return the rate at a local time, in bytes/s; None is no limit."""
        minute = local.weekday() * _DAY_MIN + local.hour * 60 + local.minute
        begun = [rate for start, rate in self.entries if start <= minute]
        return begun[-1] if begun else self.entries[-1][1]


def _has_day(word: str) -> bool:
    return not word[:1].isdigit()


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
    return float(found[1]) * float(1024 ** _POWERS[found[2].upper()])
