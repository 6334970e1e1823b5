"""Links to what was asked for and is to be fetched."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from geesync.simulator.clock import SimClock

Asked = TypeVar("Asked")

GOOD_FOR = timedelta(hours=2)
MOST_KEPT = 1_000


class Links(Generic[Asked]):
    """What links lead to, for a while, and as long as there are not too many; thread-safe."""

    def __init__(self, clock: SimClock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, tuple[datetime, Asked]] = OrderedDict()

    def keep(self, asked: Asked) -> str:
        """Keep something, and return its name: nobody guesses it."""
        name = secrets.token_hex(16)
        with self._lock:
            self._kept[name] = self._clock.now() + GOOD_FOR, asked
            while len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        return name

    def find(self, name: str) -> Asked | None:
        """Return what a name stands for, unless that is over."""
        with self._lock:
            until, asked = self._kept.get(name, (None, None))
        return asked if until is not None and self._clock.now() < until else None
