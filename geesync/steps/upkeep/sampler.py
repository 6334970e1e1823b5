"""Writes down how it stands, now and then, so that a curve can be drawn of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from geesync.steps.step import Tally, Workshop
from geesync.store.views.samples import Samples

_EVERY = timedelta(minutes=5)


@dataclass
class Sampler:
    """Takes samples; moves nothing."""

    name: ClassVar[str] = "sampler"

    workshop: Workshop
    samples: Samples

    def run_once(self) -> Tally:
        """Take a sample, if the last one is old enough or of another time."""
        now = self.workshop.clock()
        last = self.samples.last_at()
        if last is None or not last <= now < last + _EVERY:
            self.samples.take(now)
        return Tally()
