"""Curves over time as SVG paths: drawn by the server, so that they need no JavaScript."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import dropwhile, pairwise

from geesync.domain.mirror.lifecycle import State
from geesync.store.views.samples import Sample

WIDTH, HEIGHT = 720, 200

#: From the ground up: what is done lies still, what moves lies above it.
STACKED = (
    State.VERIFIED,
    State.DOWNLOADED,
    State.IN_BUCKET,
    State.EXPORTING,
    State.DISCOVERED,
    State.EXCLUDED,
    State.GONE,
    State.FREED,
    State.QUARANTINED,
)

#: Points of a curve: more cannot be seen.
_POINTS = 240
_BARS = 48


@dataclass(frozen=True)
class Layer:
    """One area or line of a chart."""

    name: str
    path: str  #: of an SVG path


@dataclass(frozen=True)
class Chart:
    """What a template draws."""

    layers: list[Layer]
    top: float  #: what the upper edge means
    start: datetime
    end: datetime

    @property
    def hours(self) -> list[datetime]:
        """Evenly spaced times for the axis, its ends included."""
        return [self.start + (self.end - self.start) * part / 3 for part in range(4)]


def states(samples: Sequence[Sample]) -> Chart | None:
    """Return assets by state as stacked areas; None while there is nothing to draw."""
    return _stacked(samples, lambda sample: [(s, sample.counts.get(s, 0)) for s in STACKED])


def queue(samples: Sequence[Sample]) -> Chart | None:
    """Return the project's operations at Earth Engine: running ones, queued ones above them."""
    return _stacked(
        samples, lambda sample: [("running", sample.running), ("queued", sample.queued)]
    )


def _stacked(
    samples: Sequence[Sample], values: Callable[[Sample], list[tuple[str, int]]]
) -> Chart | None:
    """Return areas that lie upon each other, from the ground up; None if all are empty."""
    # Since anything was known: a slope from nothing to it never was.
    points = _thinned([*dropwhile(lambda sample: not sample.counts, samples)])
    stacks = [values(point) for point in points]
    highest = max((sum(value for _, value in stack) for stack in stacks), default=0)
    if len(points) < 2 or not highest:  # noqa: PLR2004 # a line has two ends
        return None
    top = nice(highest)
    ground = [0] * len(points)
    layers = []
    for layer in zip(*stacks, strict=True):
        roof = [low + value for low, (_, value) in zip(ground, layer, strict=True)]
        if roof != ground:
            layers.append(Layer(layer[0][0], _area(points, ground, roof, top)))
        ground = roof
    return Chart(layers, top, points[0].at, points[-1].at)


def throughput(samples: Sequence[Sample]) -> Chart | None:
    """Return assets verified an hour, as bars of equal spans."""
    return _bars(samples, lambda sample: float(sample.verified))


def download(samples: Sequence[Sample]) -> Chart | None:
    """Return bytes brought to disk an hour, as bars of equal spans."""
    return _bars(samples, lambda sample: float(sample.landed_bytes))


def _bars(samples: Sequence[Sample], value: Callable[[Sample], float]) -> Chart | None:
    if len(samples) < 2:  # noqa: PLR2004 # a rate has two ends
        return None
    start, end = samples[0].at, samples[-1].at
    span = max((end - start) / _BARS, timedelta(minutes=5))
    count = max(1, math.ceil((end - start) / span))
    gained = [0.0] * count
    for before, after in pairwise(samples):
        # What came while nobody looked (the daemon was off) is spread over that time.
        first = int((before.at - start) / span)
        last = min(count - 1, max(first, math.ceil((after.at - start) / span) - 1))
        share = max(0.0, value(after) - value(before)) / (last - first + 1)
        for bar in range(first, last + 1):
            gained[bar] += share
    hours = span.total_seconds() / 3600
    rates = [gain / hours for gain in gained]
    if not any(rates):
        return None
    top = nice(max(rates))
    width = WIDTH / count
    path = "".join(
        f"M{_n(bar * width + width * 0.1)} {HEIGHT}V{_n(HEIGHT - rate / top * HEIGHT)}"
        f"h{_n(width * 0.8)}V{HEIGHT}z"
        for bar, rate in enumerate(rates)
        if rate
    )
    return Chart([Layer("bars", path)], top, start, end)


def nice(value: float) -> float:
    """Return the next round number: 1, 2, 2.5 or 5 times a power of ten."""
    if value <= 1:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= value * 0.999)


def _thinned(samples: Sequence[Sample]) -> list[Sample]:
    step = max(1, math.ceil(len(samples) / _POINTS))
    return [*samples[:-1][::step], *samples[-1:]]


def _area(
    points: Sequence[Sample], ground: Sequence[float], roof: Sequence[float], top: float
) -> str:
    start, whole = points[0].at, (points[-1].at - points[0].at) or timedelta(seconds=1)
    xs = [(point.at - start) / whole * WIDTH for point in points]

    def corner(x: float, value: float) -> str:
        return f"{_n(x)} {_n(HEIGHT - value / top * HEIGHT)}"

    there = [corner(x, value) for x, value in zip(xs, roof, strict=True)]
    back = [corner(x, value) for x, value in zip(xs, ground, strict=True)]
    return "M" + "L".join(there + back[::-1]) + "z"


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
