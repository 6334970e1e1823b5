"""What the first page shows: how far, how fast, until when, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from geesync.adapters.mirror_files.mirror import free_bytes
from geesync.domain.assets.names import display_id
from geesync.domain.messages.words import counted, duration, percent, size
from geesync.domain.mirror.lifecycle import UNWANTED, State
from geesync.store.browsing.pages import latest_images, spots
from geesync.store.views import samples
from geesync.store.views import status as views
from geesync.web import curves, worldmap
from geesync.web.wording import ago

#: Of the curves: what the page is asked for → (what it is called, how long).
SPANS = {
    "days": ("2 days", timedelta(days=2)),
    "weeks": ("2 weeks", timedelta(days=14)),
    "months": ("3 months", timedelta(days=92)),
    "all": ("all", timedelta(days=3650)),
}

_PICTURES = 12

_UNREADABLE = "Each scan asks again. geesync ls --unreadable tells what was answered."

#: Left to right, as an asset goes.
_ORDER = (
    State.VERIFIED,
    State.DOWNLOADED,
    State.IN_BUCKET,
    State.EXPORTING,
    State.DISCOVERED,
    State.QUARANTINED,
    State.EXCLUDED,
    State.GONE,
    State.FREED,
)


@dataclass(frozen=True)
class Fact:
    """One number at a glance."""

    name: str
    value: str
    more: str


@dataclass(frozen=True)
class Notice:
    """Something that a person should see first."""

    kind: str  #: bad, warn or good
    title: str
    text: str


def overview(
    ledger: Path, status: views.Status, now: datetime, span: str, part: str
) -> dict[str, Any]:
    """Return what the template of the first page needs."""
    span = span if span in SPANS else "days"
    sums = status.counts
    counts = {state.value: sums[state] for state in _ORDER if sums[state]}
    history = samples.since(ledger, now - SPANS[span][1])
    places = spots(ledger)
    return {
        "counts": counts,
        "share": _share(status, counts),
        "lead": _lead(status, counts, now),
        "notices": _notices(status),
        "facts": _facts(status, now),
        "slots": _slots(status),
        "brakes": (status.daemon or {}).get("brakes", []),
        "spans": {name: label for name, (label, _) in SPANS.items()},
        "span": span,
        "curves": {
            "states": curves.states(history),
            "throughput": curves.throughput(history),
            "download": curves.download(history),
            "queue": curves.queue(history),
        },
        "map": worldmap.draw(places, whole=part == "world"),
        "whole": part == "world",
        "local": worldmap.is_local(places),
        "latest": latest_images(ledger, limit=_PICTURES),
    }


def _wanted(counts: dict[str, int]) -> int:
    return sum(count for state, count in counts.items() if state not in UNWANTED)


def _share(status: views.Status, counts: dict[str, int]) -> str:
    good = sum(root.good for root in status.watched)
    share = percent(good, _wanted(counts))
    return "100 %" if share == "100.0 %" else share


def _lead(status: views.Status, counts: dict[str, int], now: datetime) -> str:
    wanted = _wanted(counts)
    if not wanted:
        return "The first scan has not found anything yet."
    whole = counted(wanted, "asset is", "assets are")
    done = f"{counts.get(State.VERIFIED, 0):,} of {whole} on disk and proved."
    if not status.moving:
        line = status.completeness.line
        return f"{done} {line[0].upper()}{line[1:]}."
    if still := status.stands_still:
        return f"{done} The rest waits: {still}."
    if status.eta is None:
        return f"{done} How fast it goes is not known yet."
    end = now + status.eta
    when = f"{end:%A %H:%M} UTC" if status.eta < timedelta(days=5) else f"{end:%d %B %Y}"
    span = duration(status.eta).replace(" ", "\N{NO-BREAK SPACE}")  # number and unit on one line
    pace = f"At {status.pace.per_hour:,.0f} an hour, the rest takes {span}"
    return f"{done} {pace}: until {when}."


def _notices(status: views.Status) -> list[Notice]:
    notices = [
        Notice("bad", f"The last scan of {display_id(root.name)} was not believed", root.alarm)
        for root in status.watched
        if root.alarm
    ]
    unreadable = sum(root.completeness.unreadable for root in status.watched)
    if unreadable:
        what = counted(unreadable, "asset or folder", "assets or folders")
        notices.append(Notice("bad", f"{what} cannot be read at Earth Engine", _UNREADABLE))
    if status.paused:
        notices.append(Notice("warn", "Everything is paused", "geesync resume goes on"))
    notices += [
        Notice("warn", f"{name} is paused", f"geesync resume {name} goes on")
        for name in map(display_id, filter(None, status.pauses))
    ]
    waiting = (status.daemon or {}).get("waiting", {})
    notices += [Notice("warn", f"The {step} waits", why) for step, why in waiting.items()]
    if status.roots and not status.daemon:
        notices.append(
            Notice("bad", "The daemon is not running", "geesync daemon, or systemctl start geesync")
        )
    return notices


def _facts(status: views.Status, now: datetime) -> list[Fact]:
    verified = sum(root.verified_bytes for root in status.roots)
    whole = sum(root.size_bytes for root in status.roots)
    pace = f"{status.pace.per_hour:,.0f} an hour" if status.moving else "done"
    return [
        Fact("Pace", pace, f"{counted(status.moving, 'asset')} to go"),
        Fact("Verified", size(verified), f"of {size(whole)}"),
        *_ways(status),
        _free(status),
        _scan(status, now),
    ]


def _ways(status: views.Status) -> Iterator[Fact]:
    """Yield by which ways bytes come now: directly, and by tasks where there are any."""
    if direct := (status.daemon or {}).get("direct"):
        rate = f"{direct['answers_per_s']:,.1f} answers/s"
        yield Fact(
            "Read directly", rate, f"{direct['at_once']} of {direct['most_at_once']} at once"
        )
    if queue := status.queue:
        queued = f"{queue.get('queued', 0):,} queued"
        yield Fact("Tasks", f"{queue.get('running', 0):,} running", queued)
    if status.queue or status.staged_bytes:
        yield Fact("In the bucket", size(status.staged_bytes), "staged")


def _free(status: views.Status) -> Fact:
    mirrors = sorted({root.dest for root in status.watched})
    sizes = []
    for dest in mirrors:
        if (free := free_bytes(Path(dest))) is None:
            return Fact("Mirror", "not there", dest)
        sizes.append(size(free))
    where = ", ".join(mirrors) if len(mirrors) > 1 else "for the mirror"
    return Fact("Free on disk", " · ".join(sizes) or "–", where)


def _scan(status: views.Status, now: datetime) -> Fact:
    scans = [root.scanned_at for root in status.roots if root.scanned_at]
    if not scans:
        return Fact("Last scan", "not yet", "complete")
    return Fact("Last scan", ago(now, max(scans)), f"of {counted(len(status.roots), 'root')}")


def _slots(status: views.Status) -> str:
    queue = status.queue
    if not queue:
        return "Not looked at yet."
    if not queue.get("running", 0) + queue.get("queued", 0):
        return "Nothing runs or waits there."
    foreign = queue.get("foreign", 0)
    slots = (
        f"{queue.get('running', 0):,} running and {queue.get('queued', 0):,} queued in the project"
    )
    others = f", {foreign:,} of them other people's" if foreign else ", all of them ours"
    mine = sum(status.operations.values())
    flying = counted(mine, "of our exports is in flight", "of our exports are in flight")
    return f"{slots}{others}. {flying}." if mine else f"{slots}{others}."
