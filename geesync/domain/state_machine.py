"""What all state machines share: a table by state and event, events of all that is tried, waits.

What the table does not know cannot happen: it is refused as a bug of ours. A retry is the same
state with a later ``not_before``: the world's failures (``Delayed``) cost time only; a thing's own
(``Setback``) are counted, and the last one that is allowed ends in quarantine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import takewhile
from typing import Generic, TypeVar

from geesync.errors import WORLDLY, Cause

AnyState = TypeVar("AnyState", bound=StrEnum)
AnyEvent = TypeVar("AnyEvent")

#: By state, then by event: the state that follows.
Table = Mapping[AnyState, Mapping[type[AnyEvent], AnyState]]


class IllegalEvent(Exception):  # noqa: N818 # the fact that hurts, not a suffix
    """An event that the table does not know in this state: a bug in geesync."""


def follow(table: Table[AnyState, AnyEvent], state: AnyState, event: AnyEvent) -> AnyState:
    """Return the state that follows; raises IllegalEvent if the event cannot happen there."""
    after = table[state].get(type(event))
    if after is None:
        raise IllegalEvent(f"{type(event).__name__} in state {state}")
    return after


@dataclass(frozen=True)
class Event:
    """Something that happened."""

    reason: str = ""  #: for people; what failed, on what

    @property
    def name(self) -> str:
        """The event's name in the history and the log."""
        return type(self).__name__


class Cancelled(Event):
    """A person gave it up."""


class Retried(Event):
    """A person asked for another try."""


class Excused(Event):
    """Its last failure turned out to be everybody's, and so the world's: it is not counted."""


@dataclass(frozen=True)
class Failure(Event):
    """Something that did not work, with its cause."""

    cause: Cause = Cause.FAILED


@dataclass(frozen=True)
class Delayed(Failure):
    """The world's failure: the same state, six hours later at most. Never counted."""

    cause: Cause = Cause.TRANSIENT
    wait: timedelta = timedelta(minutes=1)


@dataclass(frozen=True)
class Setback(Failure):
    """Its own failure: counted, and tried again from the state that the table says."""

    #: If its cause lies in the world after all: how long until the next try.
    wait: timedelta = timedelta(minutes=10)


class Refused(Failure):
    """It will not work however often it is tried; a person must look."""


class TaskIntended(Event):
    """The task that makes it at Earth Engine is written down, to be sent."""


class Made(Event):
    """Earth Engine has it, and it is ours: it bears our mark, whatever answer was lost."""


class Superseded(Event):
    """Nothing of it is at Earth Engine, and it is asked for again: by another row."""


class Differs(Failure):
    """What is there is not what was to be made: never overwritten, left for a person to look at."""


#: The failure that is one too many: what is broken costs at most this many tasks.
MAX_TRIES = 5

LONGEST_WAIT = timedelta(hours=6)

#: What the world refuses again and again is asked for less and less often, down to this.
_LONGEST_DELAY = timedelta(minutes=10)
#: After a task that the world ended: twice as long each time.
_WORLD_WAIT = timedelta(minutes=10)
#: 2, 10, 50 and 250 minutes: five hours in all, so that a bad night does not quarantine an archive.
_FIRST_WAIT, _WAIT_GROWS = timedelta(minutes=2), 5
_GROWS_AT_MOST = 10  #: times; beyond every longest wait


def _grown(wait: timedelta, factor: int, times: int, longest: timedelta) -> timedelta:
    grown: timedelta = wait * float(factor) ** min(times, _GROWS_AT_MOST)
    return min(grown, longest)


def wait_after(failures: int) -> timedelta:
    """Return how long to wait after the n-th failure (from 1)."""
    return _grown(_FIRST_WAIT, _WAIT_GROWS, failures - 1, LONGEST_WAIT)


def wait_for_world(causes: Sequence[Cause | None]) -> timedelta:
    """Return how long to wait before another task; causes: of how those before it ended."""
    times = sum(1 for _ in takewhile(WORLDLY.__contains__, reversed(causes)))
    return _grown(_WORLD_WAIT, 2, max(times - 1, 0), LONGEST_WAIT)


@dataclass(frozen=True)
class Standing(Generic[AnyState]):
    """Where something stands."""

    state: AnyState
    failures: int = 0
    not_before: datetime | None = None  #: aware, UTC; None is at once
    cause: Cause | None = None  #: of the last failure, while it matters
    reason: str = ""
    delays: int = 0  #: one after another, with nothing in between, up to now


@dataclass(frozen=True)
class Life(Generic[AnyState]):
    """A state machine whose failures delay or set back."""

    table: Table[AnyState, Event]
    first: AnyState
    quarantined: AnyState
    resting: frozenset[AnyState]  #: in which nothing is left to do by itself
    #: Events after which failures no longer count.
    fresh_start: tuple[type[Event], ...] = (Retried,)
    #: Causes after which something else is asked for: nothing is gained by waiting.
    at_once: frozenset[Cause] = frozenset()

    @property
    def moving(self) -> list[AnyState]:
        """The states in which something is left to do."""
        return [state for state in self.table if state not in self.resting]

    def advance(
        self, standing: Standing[AnyState], event: Event, now: datetime
    ) -> Standing[AnyState]:
        """Return where it stands after the event.

        Raises IllegalEvent if the event cannot happen in this state.
        """
        after = follow(self.table, standing.state, event)
        match event:
            case Delayed():
                longest = min(max(event.wait, _LONGEST_DELAY), LONGEST_WAIT)
                later = now + _grown(event.wait, 2, standing.delays, longest)
                return replace(
                    standing,
                    not_before=later,
                    cause=event.cause,
                    reason=event.reason,
                    delays=standing.delays + 1,
                )
            case Setback():
                return self._set_back(standing, event, after, now)
            case Excused():
                return replace(standing, state=after, failures=max(standing.failures - 1, 0))
            case Failure():
                return Standing(after, standing.failures, None, event.cause, event.reason)
            case _:
                fresh = isinstance(event, self.fresh_start)
                return Standing(after, 0 if fresh else standing.failures)

    def _set_back(
        self, standing: Standing[AnyState], event: Setback, after: AnyState, now: datetime
    ) -> Standing[AnyState]:
        if event.cause in WORLDLY:
            later = now + min(event.wait, LONGEST_WAIT)
            return Standing(after, standing.failures, later, event.cause, event.reason)
        failures = standing.failures + 1
        if failures >= MAX_TRIES:
            return Standing(self.quarantined, failures, None, event.cause, event.reason)
        then = None if event.cause in self.at_once else now + wait_after(failures)
        return Standing(after, failures, then, event.cause, event.reason)
