"""Files that geesync makes itself of proved ones, beside them: so that they open as one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from geesync.adapters.formats import geoparquet, mosaics
from geesync.adapters.mirror_files.disk import Folder
from geesync.domain.choices.options import Options
from geesync.domain.json import Json
from geesync.domain.mirror.checking import KeptFile
from geesync.domain.mirror.coverage import Tile, tiles
from geesync.domain.mirror.layout import PARTIAL
from geesync.domain.mirror.sidecar import TakenPart
from geesync.domain.mirror.vrt import Placed, vrt


def make(
    place: Folder,
    taken: Iterable[TakenPart],
    options: Options,
    *,
    table: Json | None,
    stem: Callable[[str], str],
    present: Callable[[str], str],
) -> list[KeptFile]:
    """Make what the options ask for, and return what was made.

    table: what the GeoJSON of a table holds. stem: of a part's files, by its key. present: the name
    that a file has now, by its final one.
    """
    taken = list(taken)
    placed = [Placed(one.part, _tiles(one, stem)) for one in taken if one.part.grid is not None]
    masks = [one for one in placed if one.part.of_masks]
    names = list(_virtual(place, placed, masks, stem))
    if options.mosaic == "cog":
        names += _mosaics(place, placed, stem, present)
    if table is not None and "geoparquet" in options.tables:
        names += _tables(place, taken, table, stem, present)
    return [place.keep(name) for name in names]


def _tiles(taken: TakenPart, stem: Callable[[str], str]) -> dict[str, Tile]:
    found = tiles(taken.part, stem(taken.part.key), (file.name for file in taken.files))
    assert found is not None  # it was proved
    return found


def _virtual(
    place: Folder, placed: list[Placed], masks: list[Placed], stem: Callable[[str], str]
) -> Iterator[str]:
    for one in placed:
        part = one.part
        masked = any(set(part.bands) & set(mask.part.bands) for mask in masks)
        if len(one.tiles) > 1 or (masked and not part.of_masks):
            name = f"{stem(part.key)}.vrt"
            # GDAL, and so QGIS, would write statistics into a VRT that it may write to.
            place.write(name, vrt(one, () if part.of_masks else masks), read_only=True)
            yield name


def _mosaics(
    place: Folder,
    placed: list[Placed],
    stem: Callable[[str], str],
    present: Callable[[str], str],
) -> Iterator[str]:
    for one in placed:
        if len(one.tiles) > 1:
            name = f"{stem(one.part.key)}.cog.tif"
            text = vrt(one, path=lambda file: str(place.path / present(file)))
            mosaics.make_cog(text.decode(), place.path / (name + PARTIAL))
            _finish(place, name)
            yield name


def _tables(
    place: Folder,
    taken: list[TakenPart],
    table: Json,
    stem: Callable[[str], str],
    present: Callable[[str], str],
) -> Iterator[str]:
    for one in taken:
        if one.part.extension == "geojson":
            name = f"{stem(one.part.key)}.parquet"
            (file,) = one.files
            source = place.path / present(file.name)
            geoparquet.make_geoparquet(source, place.path / (name + PARTIAL), table)
            _finish(place, name)
            yield name


def _finish(place: Folder, name: str) -> None:
    """Give a file that was made its name, once it is on the disk."""
    with place.opened(name + PARTIAL, os.O_RDONLY) as descriptor:
        os.fsync(descriptor)
    place.claim(replace(place.look(name + PARTIAL), name=name))
    place.rename(name + PARTIAL, name)
