"""How long exports will take, by how long they took: the account's own history, or what is public.

The defaults are those of docs/earth-engine.md: two tasks run at a time, half of them for less than
eight minutes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from statistics import fmean

#: Median run of 13,142 public exports, and how many run at a time: docs/earth-engine.md.
_MEDIAN_RUN_S = 497.0
_AT_A_TIME = 2

#: Fewer exports than this say nothing of the next thousand.
_ENOUGH = 20


@dataclass(frozen=True)
class Ended:
    """One export that succeeded; times in seconds since 1970."""

    asked_s: float
    ended_s: float
    eecu_s: float | None  #: compute, in EECU-seconds; None if Earth Engine did not say


@dataclass(frozen=True)
class Pace:
    """How fast Earth Engine works for this account."""

    exports_per_hour: float
    eecu_s: float | None  #: mean compute of one export; None if nothing is known
    measured: int  #: exports of the account's own that it is from; 0 for the defaults

    def time_for(self, exports: int) -> timedelta:
        """Return how long so many exports take."""
        return timedelta(hours=exports / self.exports_per_hour)

    def eecu_hours_for(self, exports: int) -> float | None:
        """Return what they cost of the compute quota; None if nothing is known."""
        return None if self.eecu_s is None else exports * self.eecu_s / 3600


DEFAULT = Pace(_AT_A_TIME * 3600 / _MEDIAN_RUN_S, None, 0)


def pace_of(history: Iterable[Ended]) -> Pace:
    """Return the pace that ended exports show.

    Counted is the time in which at least one was asked for and not ended: an idle week slows
    nothing down, and however many Earth Engine runs at a time is in the figure.
    """
    ended = sorted(history, key=lambda export: export.asked_s)
    if len(ended) < _ENOUGH:
        return DEFAULT
    busy_s, until_s = 0.0, float("-inf")
    for export in ended:
        busy_s += max(0.0, export.ended_s - max(export.asked_s, until_s))
        until_s = max(until_s, export.ended_s)
    computed = [export.eecu_s for export in ended if export.eecu_s is not None]
    return Pace(
        exports_per_hour=len(ended) / max(busy_s / 3600, 1e-6),
        eecu_s=fmean(computed) if computed else None,
        measured=len(ended),
    )
