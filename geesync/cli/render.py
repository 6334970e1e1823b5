"""How numbers and states look to people."""

from __future__ import annotations

from datetime import datetime, timedelta

from rich.console import Group, RenderableType
from rich.text import Text

from geesync.domain.assets.names import display_id
from geesync.domain.messages.words import counted, duration, next_action, percent, size
from geesync.domain.mirror.lifecycle import State
from geesync.store.views.completeness import Completeness
from geesync.store.views.making import MakingStatus
from geesync.store.views.status import RootStatus, Status
from geesync.store.views.troubles import Trouble

_LEFT_OUT = "geesync ls --left-out"

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


def status_view(status: Status, now: datetime) -> RenderableType:
    """Return how it stands, for a terminal."""
    parts: list[RenderableType] = [*_counts(status), ""]
    parts += [_line(label, text) for label, text in _facts(status, now)]
    parts += _brakes(status)
    parts += [
        Text.assemble(("alarm            ", "bold red"), f"{display_id(root.name)}: {root.alarm}")
        for root in status.roots
        if root.alarm
    ]
    parts += [_trouble(trouble, now) for trouble in status.troubles]
    parts += [line for one in status.making for line in _going_out(one)]
    parts += ["", answer(status.completeness)]
    return Group(*parts)


def answer(completeness: Completeness) -> Text:
    """Return whether it is complete, in one line."""
    return Text(completeness.line, style="green" if completeness.is_complete else "bold yellow")


def _counts(status: Status) -> list[Text]:
    """Return the states as columns, a root on two lines: 80 columns hold no more."""
    widths = [max(len(state.value), 9) for state in _COLUMNS]
    cells = [state.value.rjust(width) for state, width in zip(_COLUMNS, widths, strict=True)]
    lines = [Text("  ".join(cells), style="bold")]
    for root in status.roots:
        lines.append(
            Text.assemble((_root_name(root), "bold"), "  ", *_bar(root), f"  {_progress(root)}")
        )
        counts = Text()
        for state, width in zip(_COLUMNS, widths, strict=True):
            count = root.counts.get(state, 0)
            text = f"{count:,}" if count else "·"
            counts.append(text.rjust(width), STATE_STYLES[state] if count else "dim")
            counts.append("  ")
        lines.append(counts)
    return lines


def _root_name(root: RootStatus) -> str:
    told = " (not watched)" if not root.watched else " (paused)" if root.paused else ""
    return display_id(root.name) + told


def _bar(root: RootStatus) -> list[tuple[str, str]]:
    """Return how far a root is as a bar, in styled pieces; full only when all is verified."""
    done = root.good
    filled = done * _BAR_WIDTH // root.wanted if root.wanted else 0
    return [("━" * filled, STATE_STYLES[State.VERIFIED]), ("─" * (_BAR_WIDTH - filled), "dim")]


def _progress(root: RootStatus) -> str:
    if not root.wanted:
        return "nothing found yet"
    return f"{percent(root.good, root.wanted)} verified"


def _facts(status: Status, now: datetime) -> list[tuple[str, str]]:
    queue = status.queue
    facts = [
        ("daemon", f"running, pid {status.daemon['pid']}" if status.daemon else "not running"),
        ("verified", _verified(status)),
        (
            "Earth Engine",
            " · ".join(
                [
                    f"{queue.get('running', 0):,} running",
                    f"{queue.get('queued', 0):,} queued",
                    f"{queue.get('foreign', 0):,} of them other people's",
                ]
            ),
        ),
        ("bucket", f"{size(status.staged_bytes)} staged"),
        ("rate", _rate(status)),
        ("last scan", _last_scan(status, now)),
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
        facts.append(
            (
                "metadata only",
                f"{counted(status.left_out, 'asset')}, in whole or in part; {_LEFT_OUT}",
            )
        )
    if status.completeness.unreadable:
        what = counted(status.completeness.unreadable, "asset or folder", "assets or folders")
        facts.append(("not readable", f"{what} at Earth Engine; geesync ls --unreadable"))
    waiting = (status.daemon or {}).get("waiting", {})
    return facts + [(f"{step} waits", why) for step, why in waiting.items()]


def _going_out(one: MakingStatus) -> list[Text]:
    """Return how far a restore or a job is, and what went wrong with it."""
    counts = " · ".join(f"{count:,} {state}" for state, count in one.counts.items())
    told = f"{one.title}{' (paused)' if one.paused else ''}: {counts}"
    lines = [_line("at Earth Engine", told)]
    for trouble in one.troubles:
        what = f"{trouble.count:,} {trouble.state}, {trouble.cause}: {trouble.reason}"
        lines.append(Text.assemble(" " * 17, (what, "bold red" if trouble.rests else "yellow")))
    return lines


def _brakes(status: Status) -> list[Text]:
    """Return how each brake stands, as the daemon last saw it."""
    brakes = (status.daemon or {}).get("brakes", [])
    return [
        Text.assemble((f"{'' if n else 'brakes':<17}", "dim"), (brake["text"], style))
        for n, brake in enumerate(brakes)
        for style in ["yellow" if brake["holds"] else ""]
    ]


def _verified(status: Status) -> str:
    done = sum(root.verified_bytes for root in status.roots)
    whole = sum(root.size_bytes for root in status.roots)
    return f"{size(done)} of {size(whole)}, as Earth Engine counts them"


def _rate(status: Status) -> str:
    if not any(root.watched for root in status.roots):
        return "nothing is watched; geesync enqueue ROOT"
    if status.moving and (still := status.stands_still):
        return still
    if not status.moving:
        return "nothing is on the way"
    rate = f"{counted(status.pace.per_hour, 'asset')} an hour"
    if status.eta is None:
        return f"{rate}, for how long is not known yet"
    return f"{rate}, done in about {duration(status.eta)}"


def _last_scan(status: Status, now: datetime) -> str:
    scans = [root.scanned_at for root in status.roots if root.scanned_at]
    return f"{duration(now - max(scans))} ago" if scans else "not yet complete"


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
