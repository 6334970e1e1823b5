"""Reads every file through, compares it with Earth Engine's metadata, and gives it its name.

Until then a file bears a name that says it is unproved. Sidecars are written first, so that a file
under its final name is never without them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from geesync.adapters import rasters, tables
from geesync.adapters.disk import Folder, folder, unproved
from geesync.domain.assets import SourceAsset
from geesync.domain.coverage import tiles
from geesync.domain.layout import ASSET_JSON
from geesync.domain.lifecycle import CheckFailed, CheckPassed, State
from geesync.errors import Cause, RemoteError
from geesync.steps.step import Tally, Workshop, moves_of, stopped
from geesync.store.exports import Export, Exports, Staged
from geesync.store.ledger import LedgerAsset


@dataclass
class Verifier:
    """Proves downloaded assets."""

    name: ClassVar[str] = "verifier"

    workshop: Workshop
    exports: Exports

    def run_once(self) -> Tally:
        """Prove the next assets."""
        now = self.workshop.clock()
        due = self.workshop.ledger.due(State.DOWNLOADED, now=now, limit=self.workshop.chunk)
        if not due:
            return Tally()
        sources = self.workshop.ledger.sources_of(due)
        staged = self.exports.staged([asset.id for asset in due])
        jobs = [(asset, sources[asset.id], staged[asset.id]) for asset in due]
        outcomes = self.workshop.each(jobs, partial(_verify, self.workshop.keep_on))
        moves = moves_of(((job[0], outcome) for job, outcome in outcomes), CheckFailed)
        moved = self.workshop.record(moves)
        return Tally(moved=moved, busy=len(due) == self.workshop.chunk)


def _verify(
    keep_on: Callable[[], bool], job: tuple[LedgerAsset, SourceAsset, list[Staged]]
) -> CheckPassed:
    asset, source, staged = job
    with folder(Path(asset.dest), asset.path) as place:
        for export, files in _by_export(staged):
            if not keep_on():
                raise stopped()
            _prove(place, source, export, files)
        place.write(ASSET_JSON, json.dumps(source.json, indent=2, ensure_ascii=False).encode())
        for one in staged:
            _give_name(place, one)
        place.sync()
    return CheckPassed()


def _by_export(staged: list[Staged]) -> list[tuple[Export, list[Staged]]]:
    exports = {one.export.id: one.export for one in staged}
    return [
        (export, [one for one in staged if one.export.id == export_id])
        for export_id, export in exports.items()
    ]


def _prove(place: Folder, source: SourceAsset, export: Export, files: list[Staged]) -> None:
    paths = {one.file: place.path / _present(place, one) for one in files}
    if export.part.grid is None:
        prove = tables.prove_csv if export.part.extension == "csv" else tables.prove_geojson
        for path in paths.values():
            prove(path, rows=source.feature_count)
        return
    placed = tiles(export.part, paths)
    if placed is None:
        raise RemoteError(Cause.INTEGRITY, "the files do not cover the grid")
    for file, tile in placed.items():
        grid = export.part.grid.window(tile.row, tile.column, tile.height, tile.width)
        rasters.prove(
            paths[file], rasters.Expected(grid, export.part.pixel_type, export.part.bands)
        )


def _present(place: Folder, staged: Staged) -> str:
    """Return the name under which the file is there: unproved, or final after a power cut."""
    name = unproved(staged.file, staged.export.token)
    if place.size_of(name) is not None:
        return name
    if place.holds(staged.file, staged.obj):
        return staged.file
    raise RemoteError(Cause.INTEGRITY, f"{staged.file} is not on disk any more")


def _give_name(place: Folder, staged: Staged) -> None:
    name = unproved(staged.file, staged.export.token)
    if place.size_of(name) is not None:
        place.rename(name, staged.file)
