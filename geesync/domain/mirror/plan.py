"""A plan: how one revision of one asset comes home, as it is remembered.

It is made once (``planning``), and replaced only by a new revision, by options that a person
changed, or by what a try taught.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from geesync.domain.json import Json
from geesync.domain.tasks.exports import Part, Way, token_of


@dataclass(frozen=True)
class Lessons:
    """What earlier tries for the same revision taught."""

    too_much: tuple[Part, ...] = ()  #: Earth Engine could not make them in one piece
    disproved: tuple[Part, ...] = ()  #: their sentinel could not be relied on
    columns: tuple[str, ...] = ()  #: of a table whose first export lacked some


NO_LESSONS = Lessons()


@dataclass(frozen=True)
class Plan:
    """How one revision of an asset is taken home."""

    parts: tuple[Part, ...]
    left: tuple[str, ...] = ()  #: what is not taken as files, each with its reason
    masks: str = ""  #: how masks are kept, one of masks.MODES; images only
    lessons: Lessons = NO_LESSONS
    origins: Mapping[str, Json] = field(default_factory=dict)
    """Of parts that no task of this ledger brought, by id: how they came, as a sidecar tells."""

    @property
    def way(self) -> Way:
        """By which way its parts come: all by the same."""
        return self.parts[0].way if self.parts else Way.BUCKET

    @property
    def flattened(self) -> tuple[list[str], list[str]]:
        """The bands whose fractional masks count as valid on disk, and those where nobody saw it.

        Where no-data values stand for masks; only who reads directly sees the fractions.
        """
        seen: list[str] = []
        unknown: list[str] = []
        for part in self.parts:
            lost = self.origins.get(part.id, {}).get("fractional")
            if part.sentinel is not None:
                seen += [band for band in part.bands if band in (lost or ())]
                unknown += part.bands if lost is None else ()
        return seen, unknown

    def part(self, part_id: str) -> Part:
        """Return a part by its id; raises KeyError if there is none."""
        return {part.id: part for part in self.parts}[part_id]

    def token(self, asset: str, revision: str, part_id: str) -> str:
        """Return what the names of unproved files of a part bear that come without a task.

        Derived: another ledger that reads the same finds them, and nothing else does.
        """
        return _token(asset, revision, self.part(part_id))

    def attempts(self, part_id: str) -> int:
        """Return how often a part was asked for, by ledgers before this one."""
        return int(self.origins.get(part_id, {}).get("attempt", 0))

    def learn(self, part_id: str, *, too_much: bool, columns: tuple[str, ...] = ()) -> Plan:
        """Return the plan with what a part of it taught; what follows is for the next plan.

        too_much: it could not be made in one piece; else its files were not what they must be.
        """
        taught = (self.part(part_id),)
        old = self.lessons
        lessons = Lessons(
            old.too_much + taught if too_much else old.too_much,
            old.disproved if too_much else old.disproved + taught,
            columns or old.columns,
        )
        return replace(self, lessons=lessons)

    def to_json(self) -> Json:
        """Return what the ledger keeps."""
        document: Json = {
            "parts": [part.to_json() for part in self.parts],
            "left": list(self.left),
            "masks": self.masks,
        }
        if self.lessons != NO_LESSONS:
            document["lessons"] = {
                "too_much": [part.to_json() for part in self.lessons.too_much],
                "unreliable": [part.to_json() for part in self.lessons.disproved],
                "columns": list(self.lessons.columns),
            }
        return document | ({"origins": dict(self.origins)} if self.origins else {})

    @classmethod
    def from_json(cls, kept: Json) -> Plan:
        """Read what the ledger kept."""
        lessons = kept.get("lessons", {})
        return cls(
            parts=_parts(kept["parts"]),
            left=tuple(kept["left"]),
            masks=kept["masks"] or "",
            lessons=Lessons(
                _parts(lessons.get("too_much", ())),
                _parts(lessons.get("unreliable", ())),
                tuple(lessons.get("columns", ())),
            ),
            origins=kept.get("origins", {}),
        )


@lru_cache(256)  # asked for by each step that an asset passes
def _token(asset: str, revision: str, part: Part) -> str:
    return token_of([asset, revision, part.to_json()])


def _parts(kept: Iterable[Json]) -> tuple[Part, ...]:
    return tuple(map(Part.from_json, kept))
