"""What a run may cost: told before, counted while it goes, never exceeded."""

from __future__ import annotations

import threading
from dataclasses import astuple, dataclass, field
from typing import Self

#: What a task of 8 × 8 pixels was seen to cost at most, in EECU seconds: a guess on the safe side.
EECU_S_A_TASK = 10
#: To start a task, to watch it for an hour (see ``Account.ended``), to see what it made.
REQUESTS_A_TASK = 150
#: All else that is asked about one thing.
REQUESTS = 80


class TooDear(Exception):  # noqa: N818 - reads as what it is
    """More would be asked than was announced."""


@dataclass(frozen=True)
class Cost:
    """What is asked of a service."""

    tasks: int = 0
    requests: int = 0
    assets: int = 0
    transferred_bytes: int = 0  #: of objects, both ways

    def __add__(self, other: Cost) -> Cost:
        return Cost(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def __str__(self) -> str:
        return (
            f"{self.tasks} tasks of 8 × 8 pixels (two of 512 × 512), about"
            f" {self.tasks * EECU_S_A_TASK / 3600:.2f} EECU hours; {self.requests:,} requests;"
            f" {self.assets} assets; {self.transferred_bytes / 1e6:,.0f} MB of objects moved"
        )

    @classmethod
    def of(cls, tasks: int = 0, megabytes: float = 0.1) -> Self:
        """Return what one question or test may cost that starts so many tasks."""
        requests = REQUESTS + REQUESTS_A_TASK * tasks
        return cls(tasks, requests, tasks + 2, round(megabytes * 1e6))


@dataclass
class Meter:
    """Counts; every thing that is asked may use what it was announced to cost."""

    most: Cost = field(default_factory=Cost)
    used: Cost = field(default_factory=Cost)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def allow(self, cost: Cost) -> None:
        """Let so much be used besides."""
        with self._lock:
            self.most += cost

    def begin(self, cost: Cost) -> None:
        """Let this be used, and nothing that others have left of theirs."""
        with self._lock:
            self.most = self.used + cost

    def spend(self, cost: Cost) -> None:
        """Use it; raises TooDear, before anything is asked, if it was not announced."""
        with self._lock:
            used = self.used + cost
            pairs = zip(astuple(used), astuple(self.most), strict=True)
            if any(more > most for more, most in pairs):
                raise TooDear(f"it takes more than was announced: {used}")
            self.used = used
