"""How numbers and states look to people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from geesync.domain.lifecycle import State
from geesync.domain.names import display_id
from geesync.store.views import RootStatus, Status, Trouble

STATE_STYLES = {
    State.DISCOVERED: "dim",
    State.EXPORTING: "yellow",
    State.IN_BUCKET: "cyan",
    State.DOWNLOADED: "blue",
    State.VERIFIED: "green",
    State.QUARANTINED: "bold red",
    State.GONE: "dim italic",
    State.EXCLUDED: "dim italic",
}

#: What has a column of its own: 80 columns hold no more.
_COLUMNS = [state for state in State if state != State.EXCLUDED]

#: What to do about each cause; "" where nothing is to be done.
NEXT_ACTIONS = {
    "transient": "nothing: tried again by itself",
    "queue_full": "nothing: waiting for Earth Engine's queue",
    "maybe_started": "nothing: looking for an operation whose answer was lost",
    "plan": "nothing: tried again with smaller tiles",
    "permission": "check the roles of the account (docs/real-account.md); resumes by itself",
    "disk": "make room on the mirror's disk, or mount it; resumes by itself",
    "foreign": "move what is in the way elsewhere; resumes by itself",
    "cancelled": "somebody cancelled it; geesync retry ASSET asks again",
}
_RETRY = "geesync show ASSET tells the history; geesync retry ASSET tries again"


def size(size_bytes: float) -> str:
    """Return a readable size: ``1.5 GiB``."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(size_bytes) < 1024 or unit == "TiB":  # noqa: PLR2004 # the step between units
            return f"{size_bytes:,.0f} {unit}" if unit == "B" else f"{size_bytes:,.1f} {unit}"
        size_bytes /= 1024
    raise AssertionError


def duration(span: timedelta) -> str:
    """Return a readable span: ``3 d 4 h``."""
    seconds = int(span.total_seconds())
    for unit, length, smaller, part in (
        ("d", 86400, "h", 3600),
        ("h", 3600, "min", 60),
        ("min", 60, "s", 1),
    ):
        if seconds >= length:
            return f"{seconds // length:,} {unit} {seconds % length // part} {smaller}"
    return f"{seconds} s"


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
    parts += [_trouble(trouble) for trouble in status.troubles]
    return Group(*parts)


def _counts(status: Status) -> list[Text]:
    """Return the states as columns, a root on two lines: 80 columns hold no more."""
    widths = [max(len(state.value), 9) for state in _COLUMNS]
    cells = [state.value.rjust(width) for state, width in zip(_COLUMNS, widths, strict=True)]
    lines = [Text("  ".join(cells), style="bold")]
    for root in status.roots:
        lines.append(Text.assemble((_root_name(root), "bold"), f"  {_progress(root)}"))
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


#: What need not be here.
_UNWANTED = (State.GONE, State.EXCLUDED)


def _progress(root: RootStatus) -> str:
    wanted = root.assets - sum(root.counts.get(state, 0) for state in _UNWANTED)
    if not wanted:
        return "nothing found yet"
    share = root.counts.get(State.VERIFIED, 0) / wanted
    # 99.96 % is not 100.0 %: rounding must not say that all is done.
    return f"{int(share * 1000) / 10:.1f} % verified"


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
        facts.insert(0, ("paused", "everything; geesync resume"))
    excluded = sum(root.excluded for root in status.roots)
    if excluded:
        facts.append(("excluded", f"{excluded:,} assets or folders, by filters of their roots"))
    if status.left_out:
        facts.append(("metadata only", f"{status.left_out:,} assets, in whole or in part"))
    waiting = (status.daemon or {}).get("waiting", {})
    return facts + [(f"{step} waits", why) for step, why in waiting.items()]


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
    if not status.moving:
        return "nothing left to do"
    if status.eta is None:
        return "not known yet"
    return f"{status.per_hour:,.0f} assets an hour, done in about {duration(status.eta)}"


def _last_scan(status: Status, now: datetime) -> str:
    scans = [root.scanned_at for root in status.roots if root.scanned_at]
    return f"{duration(now - max(scans))} ago" if scans else "not yet complete"


def _line(label: str, text: str) -> Text:
    return Text.assemble((f"{label:<17}", "dim"), text)


def _trouble(trouble: Trouble) -> Text:
    action = NEXT_ACTIONS.get(trouble.cause, _RETRY)
    style = STATE_STYLES[State(trouble.state)]
    return Text.assemble(
        (f"{trouble.count:,} {trouble.state}, {trouble.cause}", style),
        f": {display_id(trouble.example)}: {trouble.reason}\n",
        (f"{'':<17}→ {action}", "dim"),
    )


def status_json(status: Status) -> str:
    """Return the same for machines, one line."""
    told = {
        "roots": [
            {
                "name": root.name,
                "id": display_id(root.name),
                "dest": root.dest,
                "counts": {state.value: root.counts.get(state, 0) for state in State},
                "size_bytes": root.size_bytes,
                "verified_bytes": root.verified_bytes,
                "scanned_at": root.scanned_at and root.scanned_at.isoformat(),
                "excluded": root.excluded,
                "alarm": root.alarm,
                "watched": root.watched,
                "paused": root.paused,
                "quota": root.quota,
            }
            for root in status.roots
        ],
        "moving": status.moving,
        "operations": status.operations,
        "queue": status.queue,
        "staged_bytes": status.staged_bytes,
        "verified_per_hour": status.per_hour,
        "eta_s": None if status.eta is None else status.eta.total_seconds(),
        "metadata_only": status.left_out,
        "troubles": [vars(trouble) for trouble in status.troubles],
        "paused": status.paused,
        "daemon": status.daemon,
    }
    return json.dumps(told)


def json_line(document: Mapping[str, Any]) -> str:
    """Return a document as one line; bytes and times as text."""
    return json.dumps(document, default=str)
