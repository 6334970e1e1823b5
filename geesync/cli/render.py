"""How numbers and states look to people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from rich.console import Console, Group, RenderableType
from rich.text import Text

from geesync.domain.assets.names import display_id
from geesync.domain.messages.words import counted, duration, next_action, percent, size
from geesync.domain.mirror.lifecycle import State
from geesync.store.views.completeness import Completeness
from geesync.store.views.making import MakingStatus
from geesync.store.views.status import RootStatus, Status
from geesync.store.views.troubles import Trouble

_BAR_WIDTH = 24  #: characters

STATE_STYLES = {
    State.DISCOVERED: "dim",
    State.EXPORTING: "yellow",
    State.IN_BUCKET: "cyan",
    State.DOWNLOADED: "blue",
    State.VERIFIED: "green",
    State.QUARANTINED: "bold red",
    State.GONE: "dim italic",
    State.FREED: "green italic",
    State.EXCLUDED: "dim italic",
}

#: What has a column of its own: 80 columns hold no more.
_COLUMNS = [state for state in State if state not in {State.FREED, State.EXCLUDED}]


def state_text(state: str) -> Text:
    """Return a state in its colour."""
    return Text(state, style=STATE_STYLES.get(State(state), ""))


def status_view(status: Status, now: datetime, console: Console | None = None) -> RenderableType:
    """Return how it stands, for a terminal.

    console: only as much as its height has room for; what idles goes first, what is wrong last.
    """
    facts = [_line(label, text) for label, text in _facts(status, now)]
    head = [*_counts(status), "", *facts, *_brakes(status, holds=True)]
    wrong, idle = _wrong(status, now), _brakes(status, holds=False)
    tail: list[RenderableType] = ["", answer(status.completeness)]

    def is_too_tall() -> bool:
        if console is None:
            return False
        lines = console.render_lines(Group(*head, *wrong, *idle, *tail))
        return len(lines) >= console.height  # the cursor has the last one

    while idle and is_too_tall():
        idle.pop()
    while wrong and is_too_tall():
        wrong.pop()
        tail[0] = Text("… and more: geesync status", style="dim")
    return Group(*head, *wrong, *idle, *tail)


def _wrong(status: Status, now: datetime) -> list[RenderableType]:
    alarms = [
        Text.assemble(("alarm            ", "bold red"), f"{display_id(root.name)}: {root.alarm}")
        for root in status.roots
        if root.alarm
    ]
    troubles = [_trouble(trouble, now) for trouble in status.troubles]
    going_out = [line for work in status.making for line in _going_out(work)]
    return [*alarms, *troubles, *going_out]


def answer(completeness: Completeness) -> Text:
    """Return whether it is complete, in one line."""
    return Text(completeness.line, style="green" if completeness.is_complete else "bold yellow")


def _counts(status: Status) -> list[Text]:
    """Return the states as columns, a root on two lines: 80 columns hold no more."""
    widths = [max(len(state.value), 9) for state in _COLUMNS]
    cells = [state.value.rjust(width) for state, width in zip(_COLUMNS, widths, strict=True)]
    lines = [Text("  ".join(cells), style="bold")]
    for root in status.roots:
        note = " (not watched)" if not root.watched else " (paused)" if root.paused else ""
        name = display_id(root.name) + note
        lines.append(Text.assemble((name, "bold"), "  ", *_bar(root), f"  {_progress(root)}"))
        counts = Text()
        for state, width in zip(_COLUMNS, widths, strict=True):
            count = root.counts.get(state, 0)
            text = f"{count:,}" if count else "·"
            counts.append(text.rjust(width), STATE_STYLES[state] if count else "dim")
            counts.append("  ")
        lines.append(counts)
    return lines


def _bar(root: RootStatus) -> list[tuple[str, str]]:
    """Return how far a root is as a bar, in styled pieces; full only when all is verified."""
    filled = root.good * _BAR_WIDTH // root.wanted if root.wanted else 0
    return [("━" * filled, STATE_STYLES[State.VERIFIED]), ("─" * (_BAR_WIDTH - filled), "dim")]


def _progress(root: RootStatus) -> str:
    if not root.wanted:
        return "nothing of its own" if root.scanned_at else "nothing found yet"
    return f"{percent(root.good, root.wanted)} verified"


def _facts(status: Status, now: datetime) -> list[tuple[str, str]]:
    done = sum(root.verified_bytes for root in status.roots)
    whole = sum(root.size_bytes for root in status.roots)
    scans = [root.scanned_at for root in status.roots if root.scanned_at]
    last_scan = f"{duration(now - max(scans))} ago" if scans else "not yet complete"
    facts = [
        ("daemon", f"running, pid {status.daemon['pid']}" if status.daemon else "not running"),
        ("verified", f"{size(done)} of {size(whole)}, as Earth Engine counts them"),
        *_ways(status),
        ("rate", _rate(status)),
        ("last scan", last_scan),
    ]
    if status.paused:
        facts.insert(0, ("paused", "everything; geesync resume goes on"))
    elif status.pauses:
        names = ", ".join(map(display_id, status.pauses))
        facts.insert(0, ("paused", f"{names}; geesync resume goes on"))
    freed = sum(root.counts.get(State.FREED, 0) for root in status.roots)
    if freed:
        facts.append(("freed", f"{counted(freed, 'asset')}, whose only copy is here"))
    excluded = sum(root.excluded for root in status.roots)
    if excluded:
        what = counted(excluded, "asset or folder", "assets or folders")
        facts.append(("excluded", f"{what}, by filters of the roots"))
    if status.left_out:
        what = f"{counted(status.left_out, 'asset')}, in whole or in part"
        facts.append(("metadata only", f"{what}; geesync ls --left-out"))
    if status.completeness.unreadable:
        what = counted(status.completeness.unreadable, "asset or folder", "assets or folders")
        facts.append(("not readable", f"{what} at Earth Engine; geesync ls --unreadable"))
    waiting = (status.daemon or {}).get("waiting", {})
    return facts + [(f"{step} waits", why) for step, why in waiting.items()]


def _going_out(one: MakingStatus) -> list[Text]:
    """Return how far a restore or a job is, and what went wrong with it."""
    counts = " · ".join(f"{count:,} {state}" for state, count in one.counts.items())
    line = f"{one.title}{' (paused)' if one.paused else ''}: {counts}"
    if one.is_finished:
        line += f", {one.moved_at:%Y-%m-%d %H:%M} UTC"
    lines = [_line("at Earth Engine", line)]
    for trouble in one.troubles:
        what = f"{trouble.count:,} {trouble.state}, {trouble.cause}: {trouble.reason}"
        lines.append(Text.assemble(" " * 17, (what, "bold red" if trouble.rests else "yellow")))
    return lines


def _ways(status: Status) -> Iterator[tuple[str, str]]:
    """Yield by which ways bytes come: directly, and by tasks where there are any."""
    if direct := (status.daemon or {}).get("direct"):
        slow = "; slowed down, the project's compute is used up" if direct["slowed_down"] else ""
        rate = f"{direct['answers_per_s']:,.1f} answers and {size(direct['bytes_per_s'])} a second"
        text = rate if direct["answers_per_s"] else "nothing just now"
        at_once = f"{direct['at_once']} of {direct['most_at_once']} at once"
        yield "read directly", f"{text}, {at_once}{slow}"
    if queue := status.queue:
        ours = f"{queue.get('running', 0):,} running · {queue.get('queued', 0):,} queued"
        yield "Earth Engine", f"{ours} · {queue.get('foreign', 0):,} of them other people's"
    if status.queue or status.staged_bytes:
        yield "bucket", f"{size(status.staged_bytes)} staged"


def _brakes(status: Status, *, holds: bool) -> list[RenderableType]:
    """Return how the brakes stand that hold, or the others, as the daemon last saw them."""
    brakes = [brake for brake in (status.daemon or {}).get("brakes", []) if brake["holds"] == holds]
    label, style = ("brakes hold", "yellow") if holds else ("brakes", "")
    return [
        Text.assemble((f"{'' if n else label:<17}", "dim"), (brake["text"], style))
        for n, brake in enumerate(brakes)
    ]


def _rate(status: Status) -> str:
    if not status.watched:
        return "nothing is watched; geesync enqueue ROOT"
    if status.moving and (still := status.stands_still):
        return still
    if not status.moving:
        return "nothing is on the way"
    if not status.pace.per_hour:
        return "not known yet"
    rate = f"{counted(status.pace.per_hour, 'asset')} an hour"
    if status.eta is None:
        return f"{rate}, for how long is not known yet"
    return f"{rate}, done in about {duration(status.eta)}"


def _line(label: str, text: str) -> Text:
    return Text.assemble((f"{label:<17}", "dim"), text)


def _trouble(trouble: Trouble, now: datetime) -> Text:
    example = display_id(trouble.example)
    action = next_action(trouble.cause, trouble.state, example, trouble.count)
    if trouble.next_at:
        when = max(trouble.next_at - now, timedelta())
        action += f"; next in {duration(when)}" if when else "; next at once"
    style = STATE_STYLES[State(trouble.state)]
    return Text.assemble(
        (f"{trouble.count:,} {trouble.state}, {trouble.cause}", style),
        f": {example}: {trouble.reason}\n",
        (f"{'':<17}→ {action}", "dim"),
    )
