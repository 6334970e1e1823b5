"""Exports what jobs have planned into its place: no more at a time than each job wants."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from geesync.domain.assets.asset import IMAGE_COLLECTION, SourceAsset
from geesync.domain.assets.grid import Grid
from geesync.domain.assets.names import parent_of
from geesync.domain.derive.job import MARKS
from geesync.domain.derive.lifecycle import DerivedState
from geesync.domain.state_machine import Differs, Event, Made
from geesync.domain.tasks.lifecycle import TaskKind
from geesync.errors import Cause
from geesync.logger import get_logger
from geesync.steps.step import StepContext, Tally, delay_of, record_outcomes
from geesync.steps.tasks.asset_maker import Ask, AssetMaker
from geesync.store.making.derivations import Derivations, Derived

log = get_logger()

_REFUSED_WAIT = timedelta(minutes=10)


@dataclass
class Deriver:
    """Takes results from planned to made."""

    name: ClassVar[str] = "deriver"

    context: StepContext
    derivations: Derivations
    maker: AssetMaker[Derived]

    def run_once(self) -> Tally:
        """Write down the next exports, send those that wait, and follow those that run."""
        self.maker.let_go()
        if not self.derivations.is_anything_left():
            return Tally()
        most = self.maker.room()
        planned = self._due(DerivedState.PLANNED) if most else []
        due = self._within_their_jobs(planned, most)
        refused = self._refused({parent_of(result.target) for result in due})
        held = [
            (result, refused[parent])
            for result in planned
            if (parent := parent_of(result.target)) in refused
        ]
        due = [result for result in due if parent_of(result.target) not in refused]
        running = self._due(DerivedState.EXPORTING, paused_too=True)
        moved = self.maker.start(due) + self.maker.follow(running)
        moved += record_outcomes(self.context, self.derivations, held)
        return Tally(moved=moved, busy=moved > 0)

    def _due(self, state: DerivedState, *, paused_too: bool = False) -> list[Derived]:
        now, most = self.context.clock(), self.context.chunk
        return self.derivations.due(state, now=now, limit=most, paused_too=paused_too)

    def _within_their_jobs(self, planned: Iterable[Derived], most: int) -> list[Derived]:
        """Return the next results for which their jobs have room."""
        under_way = self.derivations.exporting()
        taken: list[Derived] = []
        for result in planned:
            job = result.planned.job
            if len(taken) < most and under_way.get(job, 0) < result.planned.in_flight:
                under_way[job] = under_way.get(job, 0) + 1
                taken.append(result)
        return taken

    def _refused(self, collections: Iterable[str]) -> dict[str, Event]:
        """Make the collections that are not there; return what it means that some cannot be.

        That is no result's own failure: a person may have to make the folder.
        """
        answers = self.context.each(collections, self._make_collection, apart=str)
        return {name: delay_of(why, _REFUSED_WAIT) for name, why in answers if why is not None}

    def _make_collection(self, name: str) -> None:
        earth_engine = self.maker.earth_engine
        if earth_engine.find_asset(name) is None:
            earth_engine.create_asset(name, {"type": IMAGE_COLLECTION})
            log.info("collection_made", asset=name)


def ask(result: Derived) -> Ask:
    """Return what is asked for to make a result."""
    return Ask(TaskKind.IMAGE_EXPORT, (*_marks(result), result.target), result.planned.request)


def judge(result: Derived, found: SourceAsset) -> Event:
    """Return what it means that something is at a result's place."""
    if tuple(found.properties.get(mark) for mark in MARKS) != _marks(result):
        return Differs("another asset has its name", cause=Cause.FOREIGN)
    grid = Grid.from_json(result.planned.request["grid"])
    sizes = {(band.grid.width, band.grid.height) for band in found.bands}
    if sizes != {(grid.width, grid.height)}:
        return Differs(f"it came out as {sizes}", cause=Cause.INTEGRITY)
    return Made()


def _marks(result: Derived) -> tuple[str, ...]:
    planned = result.planned
    return planned.job, planned.source, planned.revision, planned.expression
