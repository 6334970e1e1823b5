"""Reads one file through and compares it with what it must be: a function of plain values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from geesync.adapters import rasters, tables
from geesync.adapters.folders import folder
from geesync.adapters.hands import Told
from geesync.domain.assets import SourceAsset
from geesync.domain.coverage import Tile, tiles
from geesync.domain.exports import Part
from geesync.domain.grid import Grid
from geesync.errors import Cause, RemoteError


@dataclass(frozen=True)
class Proof:
    """One file that is to be proved, and what it must be."""

    mirror: str  #: its folder
    path: str  #: the asset's, relative to the mirror
    name: str  #: that the file bears now
    extension: str  #: "tif", "csv", "geojson"
    raster: rasters.Expected | None = None
    rows: int | None = None  #: of a table, where that is known


def proofs(
    mirror: str, path: str, source: SourceAsset, part: Part, *, stem: str, names: Mapping[str, str]
) -> list[Proof]:
    """Return what is to be proved of an export: each of its files.

    stem: what its files' final names begin with. names: by final name, the one that a file bears
    now. Raises RemoteError INTEGRITY if these cannot be all.
    """
    a_file = partial(Proof, mirror, path, extension=part.extension)
    if part.grid is None:
        return [a_file(name, rows=source.feature_count) for name in names.values()]
    placed = tiles(part, stem, names)
    if placed is None:
        raise RemoteError(Cause.INTEGRITY, "the files do not cover the grid")
    return [
        a_file(names[file], raster=_expected(source, part, part.grid, tile))
        for file, tile in placed.items()
    ]


def _expected(source: SourceAsset, part: Part, grid: Grid, tile: Tile) -> rasters.Expected:
    declared = {band.id: band.value_range for band in source.bands}
    ranges: tuple[tuple[float, float] | None, ...] = ()
    if part.of_masks:
        ranges = ((0.0, 1.0),) * len(part.bands)
    elif part.sentinel is not None:
        ranges = tuple(declared[band] for band in part.bands)
    window = grid.window(tile.row, tile.column, tile.height, tile.width)
    return rasters.Expected(window, part.pixel_type, part.bands, part.sentinel, ranges)


def prove_all(jobs: Sequence[Proof]) -> Iterator[Told[tables.Contents | None]]:
    """Read files through, one after another; yield what becomes of each, as ``prove`` says it."""
    for number, job in enumerate(jobs):
        try:
            answer: tables.Contents | Exception | None = prove(job)
        except Exception as error:  # noqa: BLE001 # one file's surprise must not stop the others
            answer = error
        yield [(number, answer)]


def prove(job: Proof) -> tables.Contents | None:
    """Read a file through, every block or row; return what a table holds. Changes nothing.

    Raises RemoteError, saying what differs: INTEGRITY, or PLAN if the export is to be another one.
    """
    with folder(Path(job.mirror), job.path, create=False) as place:
        path = place.path / job.name
        if job.raster is not None:
            rasters.prove(path, job.raster)
            return None
        read = tables.prove_csv if job.extension == "csv" else tables.prove_geojson
        return read(path, rows=job.rows)
