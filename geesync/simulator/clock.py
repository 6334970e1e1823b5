"""Time in the simulated world: every duration and time stamp there comes from this clock."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

#: When a simulated world begins, unless told otherwise: fixed, so that runs repeat exactly.
DAWN = datetime(2026, 1, 1, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class SimClock:
    """A clock that stands still until it is advanced, or runs ``speed`` times as fast as ours.

    speed: virtual seconds per real second; None or 0 = frozen.
    """

    def __init__(self, speed: float | None = None, *, start: datetime = DAWN) -> None:
        self.speed = speed or 0.0
        self._lock = threading.Lock()
        self._set_at = time.monotonic()
        self._set_to = start

    def now(self) -> datetime:
        """Return the virtual time, aware and in UTC; it never goes back."""
        with self._lock:
            return self._now()

    def advance(self, seconds: float) -> datetime:
        """Move the clock forward and return the new time.

        Raises ValueError for a negative step: nothing in the simulation can run backwards.
        """
        if seconds < 0:
            raise ValueError(f"cannot advance by {seconds} s")
        with self._lock:
            self._set_to = self._now() + timedelta(seconds=seconds)
            self._set_at = time.monotonic()
            return self._set_to

    def _now(self) -> datetime:
        if not self.speed:
            return self._set_to
        elapsed_s = time.monotonic() - self._set_at
        return self._set_to + timedelta(seconds=elapsed_s * self.speed)


def rfc3339(moment: datetime, *, digits: int = 6) -> str:
    """Return ``2024-05-01T12:34:56.789012Z`` with 0, 3, 6 or 9 fractional digits.

    A fraction of zero is left out, as protocol buffers' JSON does.
    """
    whole = moment.astimezone(UTC).isoformat()[: len("2024-05-01T12:34:56")]
    if digits == 0 or (moment.microsecond == 0 and digits != 9):  # noqa: PLR2004 - 9 is a format
        return f"{whole}Z"
    fraction = f"{moment.microsecond:06d}000"[:digits]
    return f"{whole}.{fraction}Z"


def parse_rfc3339(text: str) -> datetime:
    """Return the moment that an RFC 3339 text names, cut to microseconds.

    Raises ValueError if the text is something else.
    """
    head, dot, rest = text.partition(".")
    if dot:
        digits = len(rest) - len(rest.lstrip("0123456789"))
        text = f"{head}.{rest[: min(digits, 6)]}{rest[digits:]}"
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
