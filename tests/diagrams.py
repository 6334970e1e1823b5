"""State machines as their tables have them: every arrow, and the picture of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from geesync.domain.state_machine import MAX_TRIES, AnyEvent, AnyState, Life, Table


def arrows(table: Table[AnyState, AnyEvent]) -> Iterator[tuple[AnyState, type[AnyEvent], AnyState]]:
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


def diagram_of(life: Life[AnyState]) -> str:
    """Return the table of what may be set back as a Mermaid state diagram."""
    last = f"the {MAX_TRIES}th Setback, from any moving state"
    return diagram(life.table, life.first, [f"{life.first} --> {life.quarantined}: {last}"])
