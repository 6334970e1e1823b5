"""Reads one file through and compares it with what it must be: a function of plain values.

Its bytes first: what rots on the disk may well be read, as other pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geesync.adapters.executors.executor import Results
from geesync.adapters.formats import rasters
from geesync.adapters.mirror_files.disk import Folder
from geesync.adapters.mirror_files.folders import folder
from geesync.adapters.tables import table_reading as tables
from geesync.domain.assets.asset import SourceAsset
from geesync.domain.assets.grid import Grid
from geesync.domain.mirror.coverage import StoredObject, Tile, tiles
from geesync.domain.mirror.masks import uncut
from geesync.domain.tasks.exports import Part, Way
from geesync.errors import Cause, RemoteError

#: The CRC32C of what nobody tells one of: its size, and that it can be read, are all its proof.
UNTOLD = 0


@dataclass(frozen=True)
class Proof:
    """One file that is to be proved, and what it must be."""

    mirror: str  #: its folder
    path: str  #: the asset's, relative to the mirror
    name: str  #: that the file bears now
    extension: str  #: "tif", "csv", "geojson"
    crc32c: int  #: of its bytes; 0: nobody tells it
    sha256: str = ""  #: where it, and not the CRC32C, is what the source told of them
    md5: str = ""  #: likewise
    raster: rasters.Expected | None = None  #: None of one that was proved as it was written
    rows: int | None = None  #: of a table, where that is known

    @property
    def is_of_bytes(self) -> bool:
        """Whether they are all that is compared."""
        return self.extension == "tif" and self.raster is None


@dataclass(frozen=True)
class Proved:
    """What a file turned out to be: what it must."""

    crc32c: int
    sha256: str  #: hexadecimal
    table: tables.Contents | None = None  #: what a table holds


def proofs(
    mirror: str,
    path: str,
    source: SourceAsset,
    part: Part,
    *,
    stem: str,
    files: Mapping[str, tuple[str, StoredObject]],
) -> list[Proof]:
    """Return what is to be proved of an export: each of its files.

    stem: what its files' final names begin with. files: by final name, the one that a file bears
    now, and its object. Raises RemoteError INTEGRITY if these cannot be all.
    """

    def a_file(final: str, **expected: Any) -> Proof:
        name, obj = files[final]
        sums = obj.crc32c, obj.sha256, obj.md5
        return Proof(mirror, path, name, part.extension, *sums, **expected)

    if part.grid is None:
        return [a_file(final, rows=source.feature_count) for final in files]
    if part.way == Way.DIRECT:
        return [a_file(final) for final in files]
    placed = tiles(part, stem, files)
    if placed is None:
        raise RemoteError(Cause.INTEGRITY, "the files do not cover the grid")
    return [
        a_file(final, raster=_expected(source, part, part.grid, tile))
        for final, tile in placed.items()
    ]


def _expected(source: SourceAsset, part: Part, grid: Grid, tile: Tile) -> rasters.Expected:
    bands = {band.id: band for band in source.bands}
    ranges: tuple[tuple[float, float] | None, ...] = ()
    if part.of_masks:
        ranges = ((0.0, 1.0),) * len(part.bands)
    elif part.sentinel is not None:
        ranges = tuple(bands[band].limits for band in part.bands)
    else:
        ranges = tuple(uncut(bands[band], part.pixel_type) for band in part.bands)
    return rasters.Expected(
        tile.grid(grid), part.pixel_type, part.bands, part.sentinel, ranges, part.of_masks
    )


def prove_all(jobs: Sequence[Proof]) -> Iterator[Results[Proved]]:
    """Read files through, one after another; yield what becomes of each, as ``prove`` says it."""
    for number, job in enumerate(jobs):
        try:
            answer: Proved | Exception = prove(job)
        except Exception as error:  # noqa: BLE001 # one file's surprise must not stop the others
            answer = error
        yield [(number, answer)]


def prove(job: Proof) -> Proved:
    """Read a file through, every byte and then every block or row. Changes nothing.

    Raises RemoteError, saying what differs: INTEGRITY, or PLAN if the export is to be another one;
    DISK if it is not there to be seen. What cannot be read is read once more before that is said:
    its disk may have been away in between.
    """
    try:
        return _prove(job)
    except RemoteError as error:
        if error.cause != Cause.INTEGRITY:
            raise
    return _prove(job)


def _prove(job: Proof) -> Proved:
    with folder(Path(job.mirror), job.path, create=False) as place:
        sums = same_bytes(place, job)
        path = place.path / job.name
        if job.raster is not None:
            rasters.prove(path, job.raster)
        if job.extension == "tif":
            return Proved(*sums)
        read = tables.prove_csv if job.extension == "csv" else tables.prove_geojson
        return Proved(*sums, read(path, rows=job.rows))


def same_bytes(place: Folder, job: Proof) -> tuple[int, str]:
    """Return the CRC32C and the SHA-256 of a file of which one is what it must be.

    Raises RemoteError: INTEGRITY if neither is, DISK if it is not there.
    """
    try:
        crc32c, sha256 = place.digests(job.name)
    except FileNotFoundError:
        raise RemoteError(Cause.DISK, f"{job.name} is not in {place.path}") from None
    is_same = sha256 == job.sha256 if job.sha256 else job.crc32c in {crc32c, UNTOLD}
    if job.md5 and not job.sha256:
        is_same = place.md5(job.name) == job.md5
    if not is_same:
        raise RemoteError(Cause.INTEGRITY, f"{job.name} is not any more what came")
    return crc32c, sha256
