"""Keeps the history from growing without end: forgets what is old of assets at rest."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar

from geesync.steps.step import Tally, Workshop
from geesync.store.ledger.history import History

#: What was not at rest when it was looked at is looked at again, this much later.
_ROUND = timedelta(days=1)


@dataclass
class Forgetter:
    """Deletes old events in small batches; moves nothing."""

    name: ClassVar[str] = "forgetter"

    workshop: Workshop
    history: History
    keep_events: int  #: the newest, of whatever asset
    _after: int = field(default=0, init=False)  #: the event that was looked at last
    _begun_at: datetime | None = field(default=None, init=False)

    def run_once(self) -> Tally:
        """Look at one batch of events that are old."""
        now = self.workshop.clock()
        if self._begun_at is None or not self._begun_at <= now < self._begun_at + _ROUND:
            self._after, self._begun_at = 0, now
        following = self.history.forget(keep=self.keep_events, after=self._after)
        if following is None:
            return Tally()
        self._after = following
        return Tally(busy=True)
