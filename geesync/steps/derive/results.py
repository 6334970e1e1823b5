"""What Earth Engine is asked to export for a job's result, and what means that it was made."""

from __future__ import annotations

from geesync.domain.assets.asset import SourceAsset
from geesync.domain.assets.grid import Grid
from geesync.domain.derive.job import MARKS
from geesync.domain.state_machine import Differs, Event, Made
from geesync.domain.tasks.task import TaskKind
from geesync.errors import Cause
from geesync.steps.tasks.asset_maker import Ask
from geesync.store.making.derivations import Derived


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
