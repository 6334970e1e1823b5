"""The map: where the assets lie, each place in the colour of what is true of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from geesync.domain.assets.names import display_id
from geesync.domain.mirror.lifecycle import State
from geesync.store.browsing.pages import Spot

#: What is drawn last lies on top: what needs a person must be seen.
_DRAWN = (
    State.EXCLUDED,
    State.GONE,
    State.FREED,
    State.VERIFIED,
    State.DISCOVERED,
    State.EXPORTING,
    State.IN_BUCKET,
    State.DOWNLOADED,
    State.QUARANTINED,
)

#: A mirror of one country is shown with its surroundings, not as a dot on a globe.
_NARROWEST_DEG = 40.0
_MARGIN = 0.15
_WORLD = (-180.0, -84.0, 360.0, 144.0)  #: west, top (north is up, so negated), width, height

#: Larger footprints, as a share of the map, would hide others.
_WIDE = 1 / 20

#: A footprint wider than this does not show where to look.
_GLOBAL_DEG = 180.0

#: Smaller footprints could not be seen: a share of what the map shows.
_SMALLEST = 1 / 220


@dataclass(frozen=True)
class Mark:
    """One rectangle on the map; y grows southward."""

    x: float
    y: float
    width: float
    height: float
    state: str
    title: str
    wide: bool  #: hides what lies below it, so only its edge is drawn


@dataclass(frozen=True)
class WorldMap:
    """What a template draws."""

    view: str  #: of the SVG's viewBox
    marks: list[Mark]
    places: int  #: spots that have a place
    lines: list[str]  #: paths of the graticule


@cache
def land() -> str:
    """Return the world's land as an SVG path in degrees; geesync/web/static/land.txt says whose."""
    return files("geesync.web").joinpath("static/land.path").read_text("utf-8")


def draw(spots: Sequence[Spot], *, whole: bool) -> WorldMap:
    """Return the map of spots: of the whole world, or of where they lie."""
    west, top, width, height = _WORLD if whole or not spots else _frame(spots)
    marks = [mark for spot in spots for mark in _marks(spot, width, height)]
    marks.sort(key=lambda mark: (not mark.wide, _DRAWN.index(State(mark.state))))
    return WorldMap(f"{west:g} {top:g} {width:g} {height:g}", marks, len(spots), _GRATICULE)


def is_local(spots: Sequence[Spot]) -> bool:
    """Whether the spots fill so little of the world that a closer look shows more."""
    return bool(spots) and _frame(spots)[2] < _WORLD[2]


def _frame(spots: Sequence[Spot]) -> tuple[float, float, float, float]:
    local = [spot for spot in spots if spot.box.east - spot.box.west < _GLOBAL_DEG]
    if not local:
        return _WORLD
    spots = local
    west = min(spot.box.west for spot in spots)
    east = max(spot.box.east for spot in spots)
    south = min(spot.box.south for spot in spots)
    north = max(spot.box.north for spot in spots)
    share = _WORLD[3] / _WORLD[2]
    width = max((east - west), (north - south) / share) * (1 + 2 * _MARGIN)
    width = max(width, _NARROWEST_DEG)
    if width > _WORLD[2] * 0.8:
        return _WORLD
    height = width * share
    return ((west + east - width) / 2, -(south + north + height) / 2, width, height)


def _marks(spot: Spot, map_width: float, map_height: float) -> list[Mark]:
    box, least = spot.box, map_width * _SMALLEST
    # The worst counts: one quarantined scene among a thousand must not hide.
    state = max(spot.counts, key=lambda name: _DRAWN.index(State(name)))
    if State.QUARANTINED not in spot.counts:
        state = max(spot.counts, key=lambda name: spot.counts[name])
    width, height = max(box.east - box.west, least), max(box.north - box.south, least)
    x, y = (box.west + box.east - width) / 2, -(box.south + box.north + height) / 2
    title = display_id(spot.name) or ", ".join(f"{n:,} {name}" for name, n in spot.counts.items())
    x, y, width, height = (round(value, 3) for value in (x, y, width, height))
    is_wide = width * height > _WIDE * map_width * map_height
    mark = Mark(x, y, width, height, state, title, is_wide)
    return [mark] if box.east <= _EAST_EDGE else [mark, replace(mark, x=x - 360)]


_EAST_EDGE = 180.0

_GRATICULE = [
    *(f"M{longitude} -90V90" for longitude in range(-180, 181, 30)),
    *(f"M-180 {latitude}H180" for latitude in range(-60, 61, 30)),
]
