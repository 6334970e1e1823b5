"""How fast Earth Engine is read directly just now: what `status` shows of it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from geesync.adapters.direct.brought import Brought

#: A rate is that of the last minute.
_SPAN_S = 60.0


@dataclass
class DirectGauge:
    """What came of late; any thread may note or read."""

    most_at_once: int  #: requests that may be on their way at a time, if nothing refuses them
    _at_once: int = field(init=False)
    _restricted: bool = False
    _came: deque[tuple[float, int, int]] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._at_once = self.most_at_once

    def note(self, answers: Iterable[Brought]) -> None:
        """Take in what came."""
        with self._lock:
            for answer in answers:
                self._at_once = max(self.most_at_once - answer.fewer, 1)
                self._restricted = answer.restricted
                self._came.append((time.monotonic(), answer.requests, answer.answer_bytes))

    def to_json(self) -> dict[str, float | bool]:
        """Return how it goes, for the daemon's sign of life; docs/json.md names the members."""
        answers, size_bytes = self.rate()
        return {
            "at_once": self.at_once,
            "most_at_once": self.most_at_once,
            "answers_per_s": answers,
            "bytes_per_s": size_bytes,
            "slowed_down": self.restricted,
        }

    @property
    def at_once(self) -> int:
        """Requests that may be on their way at a time, as refusals have left it."""
        return self._at_once

    @property
    def restricted(self) -> bool:
        """Whether Earth Engine says that the project's compute of the month is used up."""
        return self._restricted

    def rate(self) -> tuple[float, float]:
        """Return answers and bytes a second, of the last minute."""
        with self._lock:
            since = time.monotonic() - _SPAN_S
            while self._came and self._came[0][0] < since:
                self._came.popleft()
            requests = sum(one[1] for one in self._came)
            return requests / _SPAN_S, sum(one[2] for one in self._came) / _SPAN_S
