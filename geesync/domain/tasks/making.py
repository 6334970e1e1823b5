"""What may happen to an asset that a task of ours makes, and that is known by a mark of ours.

The mark travels in the asset itself: whatever answer was lost, it is known again.
"""

from __future__ import annotations

from geesync.domain.setbacks import Event, Failure


class TaskIntended(Event):
    """The task that makes it is written down, to be sent."""


class Made(Event):
    """Earth Engine has it, and it is ours: it bears our mark."""


class Differs(Failure):
    """What is there is not what was to be made: never overwritten, left for a person to look at."""


class Refused(Failure):
    """Earth Engine does not make it, and will not however often it is asked."""
