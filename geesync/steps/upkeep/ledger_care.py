"""Small steps that look after the ledger: samples for curves, a look for damage, old history."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar

from geesync.steps.step import StepContext, Tally
from geesync.store.file.database import Database
from geesync.store.ledger.history import History
from geesync.store.views.samples import Samples

_SAMPLES_EVERY = timedelta(minutes=5)

#: What was not at rest when it was looked at is looked at again, this much later.
_ROUND = timedelta(days=1)


@dataclass
class Sampler:
    """Writes down how it stands, now and then, so that a curve can be drawn of it."""

    name: ClassVar[str] = "sampler"

    context: StepContext
    samples: Samples

    def run_once(self) -> Tally:
        """Take a sample, if the last one is old enough or of another time."""
        now = self.context.clock()
        last = self.samples.last_at()
        if last is None or not last <= now < last + _SAMPLES_EVERY:
            self.samples.take(now)
        return Tally()


@dataclass
class Examiner:
    """Reads a large ledger whole after each start; raises LedgerError if it is damaged."""

    name: ClassVar[str] = "examiner"

    context: StepContext
    database: Database
    _done: bool = field(default=False, init=False)

    def run_once(self) -> Tally:
        """Read all of the ledger, if that was not done when it was opened."""
        if not self._done:
            self.database.check_whole(self.context.keep_on)
            self._done = True
        return Tally()


@dataclass
class Forgetter:
    """Deletes old events of assets at rest, in small batches."""

    name: ClassVar[str] = "forgetter"

    context: StepContext
    history: History
    keep_events: int  #: the newest, of whatever asset
    _after: int = field(default=0, init=False)  #: the event that was looked at last
    _begun_at: datetime | None = field(default=None, init=False)

    def run_once(self) -> Tally:
        """Look at one batch of events that are old."""
        now = self.context.clock()
        if self._begun_at is None or not self._begun_at <= now < self._begun_at + _ROUND:
            self._after, self._begun_at = 0, now
        following = self.history.forget(keep=self.keep_events, after=self._after)
        if following is None:
            return Tally()
        self._after = following
        return Tally(busy=True)
