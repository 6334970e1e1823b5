"""What holds geesync back, and why: six brakes, so that others are left what they need.

Each brake is one reading of how much is used of what is allowed. A reload changes what is allowed
while the steps run.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from geesync.adapters.direct.brought import Brought
from geesync.adapters.mirror_files.mirror import free_bytes
from geesync.domain.choices.values import Timetable
from geesync.domain.messages.words import counted, gib
from geesync.sections import ThrottleConfig
from geesync.store.ledger.roots import Roots
from geesync.store.ledger.usage import Usage

_HOUR_S = 3600

#: A rate of direct reading is that of the last minute.
_GAUGED_S = 60.0


@dataclass
class DirectGauge:
    """How fast Earth Engine is read directly just now; any thread may note or read."""

    most_at_once: int  #: requests that may be on their way at a time, if nothing refuses them
    at_once: int = field(init=False)  #: that may be, as refusals have left it
    restricted: bool = False  #: the compute of the month is used up, it says
    _recent: deque[tuple[float, int, int]] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.at_once = self.most_at_once

    def note(self, answers: Iterable[Brought]) -> None:
        """Take in what came."""
        with self._lock:
            for answer in answers:
                self.at_once = max(self.most_at_once - answer.fewer, 1)
                self.restricted = answer.restricted
                self._recent.append((time.monotonic(), answer.requests, answer.answer_bytes))

    def to_json(self) -> dict[str, float | bool]:
        """Return how it goes, for the daemon's sign of life; docs/json.md names the members."""
        answers, size_bytes = self.rate()
        return {
            "at_once": self.at_once,
            "most_at_once": self.most_at_once,
            "answers_per_s": answers,
            "bytes_per_s": size_bytes,
            "slowed_down": self.restricted,
        }

    def rate(self) -> tuple[float, float]:
        """Return answers and bytes a second, of the last minute."""
        with self._lock:
            since = time.monotonic() - _GAUGED_S
            while self._recent and self._recent[0][0] < since:
                self._recent.popleft()
            requests = sum(sample[1] for sample in self._recent)
            return requests / _GAUGED_S, sum(sample[2] for sample in self._recent) / _GAUGED_S


@dataclass
class Limits:
    """The limits in force, for all who hold these; a reload gives them other values."""

    throttle: ThrottleConfig
    eecu_s_per_answer: float  #: an estimate, until it is learnt

    def bytes_per_s(self, now: datetime) -> float | None:
        """Return the bandwidth for downloads; None is no limit."""
        return Timetable.parse(self.throttle.bandwidth).rate_at(now.astimezone())


@dataclass(frozen=True)
class Reading:
    """How one brake stands."""

    name: str
    used: float
    limit: float | None  #: None: there is none
    text: str  #: both, for people
    where: str = ""  #: the mirror, for its disk

    @property
    def room(self) -> float:
        """What is left."""
        return float("inf") if self.limit is None else self.limit - self.used

    @property
    def holds(self) -> bool:
        """Whether nothing is left."""
        return self.room <= 0


@dataclass(frozen=True)
class Brakes:
    """Reads all brakes."""

    limits: Limits
    usage: Usage
    roots: Roots
    rate_per_s: Callable[[], float]  #: requests to Earth Engine that are allowed now
    gauge: DirectGauge
    clock: Callable[[], datetime]
    mirror_trouble: Callable[[str], str]  #: why a folder is not the mirror that it should be
    halted: Callable[[], Collection[str]]
    """Stores that take or give nothing: what is on its way through them takes no other's place."""

    def readings(self) -> list[Reading]:
        """Return every brake as it stands now; those of exports only where there may be any."""
        disks = (self.disk(dest) for dest in sorted({root.dest for root in self.roots.active()}))
        at_all_times = (self.requests(), self.direct(), self.bandwidth())
        exports_may_be = any(root.bucket for root in self.roots.active())
        before = [reading for reading in self._before_exports() if exports_may_be or reading.used]
        return [*before, *at_all_times, *disks]

    def export_room(self) -> tuple[int, str]:
        """Return for how many more exports there is room, and what holds for long if there is none.

        That as many are under way as may be is how it goes, and needs no notice.
        """
        tightest = min(self._before_exports(), key=lambda reading: reading.room)
        if tightest.holds:
            return 0, self.direct_hold()
        return int(min(self.operations().room, self.queue().room)), ""

    def direct_hold(self) -> str:
        """Return what holds direct reading, or nothing."""
        compute = self.eecu()
        return compute.text if compute.holds else ""

    def full_disks(self) -> dict[str, str]:
        """Return the mirrors that cannot take more, and why."""
        disks = [self.disk(dest) for dest in {root.dest for root in self.roots.active()}]
        return {disk.where: disk.text for disk in disks if disk.holds}

    def _before_exports(self) -> Iterator[Reading]:
        yield self.operations()
        yield self.queue()
        yield self.staged()
        yield self.eecu()

    def operations(self) -> Reading:
        """Our operations at Earth Engine."""
        used, limit = self.usage.operations(), self.limits.throttle.max_operations
        return Reading(
            "operations", used, limit, f"{used:,} of {counted(limit, 'operation')} of ours"
        )

    def queue(self) -> Reading:
        """The project's whole queue, which other people use too."""
        used, limit = self.usage.queued(), self.limits.throttle.max_queue
        return Reading(
            "queue", used, limit, f"{used:,} of {counted(limit, 'place')} in the project's queue"
        )

    def requests(self) -> Reading:
        """Requests that Earth Engine has made us give up, by saying "too many"."""
        limit, allowed = self.limits.throttle.requests_per_s, self.rate_per_s()
        text = f"{round(allowed, 1):,g} of {limit:,g} requests a second"
        return Reading("requests", max(limit - allowed, 0.0), limit, text)

    def direct(self) -> Reading:
        """Answers on their way at a time, which Earth Engine has made us give up some of."""
        limit, now = self.gauge.most_at_once, self.gauge.at_once
        answers, size_bytes = self.gauge.rate()
        text = f"{now} of {counted(limit, 'answer')} at a time, read directly"
        if answers:
            text += f"; {answers:,.1f} answers and {size_bytes / 1024**2:,.1f} MiB a second"
        if self.gauge.restricted:
            text += "; slowed down by Earth Engine: the project's compute is used up"
        return Reading("direct", limit - now, limit, text)

    def bandwidth(self) -> Reading:
        """Bytes a second for downloads, by the timetable; it slows down, and never holds."""
        rate = self.limits.bytes_per_s(self.clock())
        text = "no limit" if rate is None else f"{rate / 1024**2:,.3g} MiB/s"
        return Reading("bandwidth", 0, rate, f"{text} for downloads")

    def staged(self) -> Reading:
        """Bytes in buckets that can be emptied, or soon there: they cost money."""
        stuck = self.usage.stuck_bytes(self.halted())
        used, limit = max(self.usage.staged_bytes() - stuck, 0), self.limits.throttle.max_staged
        text = f"{gib(used)} of {gib(limit)} staged in the bucket or soon there"
        text += f", beside {gib(stuck)} where all is halted" if stuck else ""
        return Reading("staged", used, limit, text)

    def eecu(self) -> Reading:
        """Earth Engine's compute in this calendar month, UTC."""
        now = self.clock()
        cost = self.usage.answer_cost(self.limits.eecu_s_per_answer)
        estimated = cost.eecu_hours(self.usage.answers(now))
        used = self.usage.eecu_s(now) / _HOUR_S + estimated
        limit = self.limits.throttle.eecu_hours_per_month
        allowed = "" if limit is None else f" of {limit:,g}"
        text = f"{used:,.2f}{allowed} EECU-hours used this month"
        if estimated:
            text += f", {estimated:,.2f} of them an estimate for reading directly ({cost})"
        return Reading("eecu", used, limit, text)

    def disk(self, dest: str) -> Reading:
        """A mirror's disk: what is on its way there, against what is free above the reserve."""
        trouble, free = self.mirror_trouble(dest), free_bytes(Path(dest))
        if trouble or free is None:
            return Reading("disk", 0, 0, trouble or f"{dest} does not answer", dest)
        used = self.usage.coming_bytes(dest, self.halted())
        limit = free - self.limits.throttle.reserve
        text = f"{gib(used)} on the way, {gib(max(limit, 0))} free above the reserve on {dest}"
        return Reading("disk", used, limit, text, dest)
