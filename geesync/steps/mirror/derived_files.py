"""Files that geesync makes itself of proved ones, beside them: so that they open as one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from geesync.adapters.formats import mosaics, rasters
from geesync.adapters.formats.mosaics import Taken
from geesync.adapters.mirror_files.disk import Folder
from geesync.adapters.tables import geoparquet
from geesync.domain.choices.options import Options
from geesync.domain.json import Json
from geesync.domain.mirror.checking import KeptFile
from geesync.domain.mirror.coverage import tiles
from geesync.domain.mirror.layout import PARTIAL, file_stem
from geesync.domain.mirror.sidecar import TakenPart
from geesync.domain.mirror.vrt import Placed, vrt
from geesync.domain.tasks.exports import Part
from geesync.steps.mirror.unproved_copy import UnprovedCopy, name_now

#: What names of a part's files begin with; where a file is now, by its final name.
Stem = Callable[[Part], str]
Where = Callable[[str], Path]


def make(
    place: Folder,
    copy: UnprovedCopy,
    taken: Sequence[TakenPart],
    options: Options,
    table: Json | None,
) -> list[KeptFile]:
    """Make what the options ask for, and return what was made; table: what a table's rows hold."""
    files = {file.file: file for file in copy.staged}

    def stem(part: Part) -> str:
        return file_stem(copy.asset.path, part.key)

    def where(name: str) -> Path:
        return place.path / name_now(place, files[name])

    images = list(_images(taken, stem, where))
    names = list(_virtual(place, images, stem))
    if options.mosaic == "cog":
        names += _mosaics(place, images, stem)
    if table is not None and "geoparquet" in options.tables:
        names += _tables(place, taken, table, stem, where)
    return [place.keep(name) for name in names]


def _images(taken: Iterable[TakenPart], stem: Stem, where: Where) -> Iterator[Taken]:
    """Yield the parts that are images, each with those that hold masks of its bands."""
    placed = []
    for taken_part in taken:
        if taken_part.part.grid is not None:
            found = tiles(taken_part.part, stem(taken_part.part), taken_part.files)
            assert found is not None  # it was proved
            placed.append(Placed(taken_part.part, found))
    for image in placed:
        masks = [
            mask
            for mask in placed
            if mask.part.of_masks
            and not image.part.of_masks
            and set(mask.part.bands) & set(image.part.bands)
        ]
        yield Taken(image, masks, where)


def _virtual(place: Folder, images: list[Taken], stem: Stem) -> Iterator[str]:
    for image in images:
        if len(image.data.tiles) > 1 or image.masks:
            name, crs = f"{stem(image.data.part)}.vrt", _crs(image)
            image.compare(vrt(image.data, image.masks, crs=crs, where=image.where).decode(), name)
            # GDAL, and so QGIS, would write statistics into a VRT that it may write to.
            place.write(name, vrt(image.data, image.masks, crs=crs), read_only=True)
            yield name


def _mosaics(place: Folder, images: list[Taken], stem: Stem) -> Iterator[str]:
    """Make one file of tiles, or one a band where the bands' masks differ."""
    for image in images:
        if len(image.data.tiles) > 1:
            bands, begin = image.data.part.bands, stem(image.data.part)
            if image.share_a_mask():
                yield _mosaic(place, image, f"{begin}.cog.tif", bands)
                continue
            for number, band in enumerate(bands, 1):
                yield _mosaic(place, image, f"{begin}.{number}.cog.tif", (band,))


def _mosaic(place: Folder, taken: Taken, name: str, bands: tuple[str, ...]) -> str:
    text = vrt(
        *(taken.data, taken.masks), where=taken.where, crs=_crs(taken), bands=bands, one_mask=True
    )
    mosaics.make_cog(text.decode(), place.path / (name + PARTIAL))
    taken.compare(place.path / (name + PARTIAL), name, bands)
    _finish(place, name)
    return name


def _crs(taken: Taken) -> str:
    grid = taken.data.part.grid
    assert grid is not None
    return rasters.in_full(grid.crs, taken.where(next(iter(taken.data.tiles))))


def _tables(
    place: Folder, taken: Iterable[TakenPart], table: Json, stem: Stem, where: Where
) -> Iterator[str]:
    for taken_part in taken:
        if taken_part.part.extension == "geojson":
            name = f"{stem(taken_part.part)}.parquet"
            (file,) = taken_part.files
            geoparquet.make_geoparquet(where(file), place.path / (name + PARTIAL), table)
            _finish(place, name)
            yield name


def _finish(place: Folder, name: str) -> None:
    """Give a file that was made its name, once it is on the disk."""
    with place.opened(name + PARTIAL, os.O_RDONLY) as descriptor:
        os.fsync(descriptor)
    place.claim(replace(place.look(name + PARTIAL), name=name))
    place.rename(name + PARTIAL, name)
