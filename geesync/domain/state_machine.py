"""What all state machines share: a table by state and event, and how it is followed and drawn.

The table is a pure value. What it does not know cannot happen: it is refused as a bug of ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import TypeVar

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


def arrows(
    table: Table[AnyState, AnyEvent],
) -> Iterator[tuple[AnyState, type[AnyEvent], AnyState]]:
    """Yield every (state, event, state that follows)."""
    for state, leaving in table.items():
        for event, after in leaving.items():
            yield state, event, after


def diagram(table: Table[AnyState, AnyEvent], first: AnyState, more: Iterable[str] = ()) -> str:
    """Return the table as a Mermaid state diagram; more: further lines of it."""
    names: dict[tuple[AnyState, AnyState], list[str]] = {}
    for state, event, after in arrows(table):
        names.setdefault((state, after), []).append(event.__name__)
    lines = [
        f"{state} --> {after}: {', '.join(events)}" for (state, after), events in names.items()
    ]
    indented = [f"    {line}" for line in (f"[*] --> {first}", *lines, *more)]
    return "\n".join(["stateDiagram-v2", *indented])
