"""Files that geesync makes itself of proved ones, beside them: so that they open as one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from geesync.adapters.formats import mosaics, rasters
from geesync.adapters.formats.mosaics import Taken
from geesync.adapters.mirror_files.disk import Folder
from geesync.adapters.tables import geoparquet
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
    images = list(_images(taken, stem, lambda file: place.path / present(file)))
    names = list(_virtual(place, images, stem))
    if options.mosaic == "cog":
        names += _mosaics(place, images, stem)
    if table is not None and "geoparquet" in options.tables:
        names += _tables(place, taken, table, stem, present)
    return [place.keep(name) for name in names]


def _images(
    taken: list[TakenPart], stem: Callable[[str], str], where: Callable[[str], Path]
) -> Iterator[Taken]:
    """Yield the parts that are images, each with those that hold masks of its bands."""
    placed = [Placed(one.part, _tiles(one, stem)) for one in taken if one.part.grid is not None]
    for one in placed:
        masks = [
            mask
            for mask in placed
            if mask.part.of_masks
            and not one.part.of_masks
            and set(mask.part.bands) & set(one.part.bands)
        ]
        yield Taken(one, masks, where)


def _tiles(taken: TakenPart, stem: Callable[[str], str]) -> dict[str, Tile]:
    found = tiles(taken.part, stem(taken.part.key), (file.name for file in taken.files))
    assert found is not None  # it was proved
    return found


def _virtual(place: Folder, images: list[Taken], stem: Callable[[str], str]) -> Iterator[str]:
    for image in images:
        if len(image.data.tiles) > 1 or image.masks:
            name, crs = f"{stem(image.data.part.key)}.vrt", _crs(image)
            image.compare(vrt(image.data, image.masks, crs=crs, path=_path(image)).decode(), name)
            # GDAL, and so QGIS, would write statistics into a VRT that it may write to.
            place.write(name, vrt(image.data, image.masks, crs=crs), read_only=True)
            yield name


def _mosaics(place: Folder, images: list[Taken], stem: Callable[[str], str]) -> Iterator[str]:
    """Make one file of tiles, or one a band where the bands' masks differ."""
    for image in images:
        if len(image.data.tiles) > 1:
            bands = image.data.part.bands
            begin = stem(image.data.part.key)
            if image.share_a_mask():
                yield _mosaic(place, image, f"{begin}.cog.tif", bands)
                continue
            for number, band in enumerate(bands, 1):
                yield _mosaic(place, image, f"{begin}.{number}.cog.tif", (band,))


def _mosaic(place: Folder, taken: Taken, name: str, bands: tuple[str, ...]) -> str:
    text = vrt(
        *(taken.data, taken.masks),
        path=_path(taken),
        crs=_crs(taken),
        bands=bands,
        one_mask=True,
    )
    mosaics.make_cog(text.decode(), place.path / (name + PARTIAL))
    taken.compare(place.path / (name + PARTIAL), name, bands)
    _finish(place, name)
    return name


def _path(taken: Taken) -> Callable[[str], str]:
    return lambda file: str(taken.where(file))


def _crs(taken: Taken) -> str:
    grid = taken.data.part.grid
    assert grid is not None
    return rasters.in_full(grid.crs, taken.where(next(iter(taken.data.tiles))))


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
