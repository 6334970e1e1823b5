"""A mirror opened as data: an image collection is a lazy xarray data set, from its STAC catalogue.

No ledger, no daemon and no Earth Engine is needed: a mirror is a folder. Pixels are read by
odc-stac (https://odc-stac.readthedocs.io) when somebody computes with them, in blocks, by Dask.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import odc.stac
import pystac
import xarray as xr
from odc.geo.geobox import GeoBox, geobox_union_conservative

from geesync.domain.assets.names import candidates
from geesync.domain.mirror.layout import asset_path
from geesync.errors import UserError
from geesync.series.stac_items import MASK, UNDATED, Band, bands_of, loadable, read_type

#: Edge of the blocks that are read at a time, in pixels.
BLOCK = 512

Masks = Literal["nan", "variable"]


class Mirror:
    """A mirrored account; ``mirror["users/x/ndvi"]`` is a collection as a data set."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __getitem__(self, name: str) -> xr.Dataset:
        return self.load(name)

    def collections(self) -> Iterator[str]:
        """Yield the names of all image collections that the catalogue tells of."""
        top = pystac.Catalog.from_file(str(self.path / "catalog.json"))
        for folder, _, _ in top.walk():
            if isinstance(folder, pystac.Collection):
                yield str(folder.extra_fields["ee:name"])

    def images(
        self, name: str, *, begin: datetime | None = None, end: datetime | None = None
    ) -> list[pystac.Item]:
        """Return the STAC Items of a collection, or of one image, in order of time.

        begin, end: aware times; end is exclusive; who gives one gets no images without a time.
        Raises UserError if the mirror has no such asset.
        """
        found = [
            item
            for item in _items(self.path, name)
            if bands_of(item) and is_between(item, begin, end)
        ]
        return sorted(found, key=lambda item: (item.datetime, item.id))

    def load(
        self,
        name: str,
        *,
        bands: Sequence[str] = (),
        begin: datetime | None = None,
        end: datetime | None = None,
        like: str = "",
        masks: Masks = "nan",
        block: int = BLOCK,
        **how: Any,
    ) -> xr.Dataset:
        """Return a collection's pixels, lazily: a variable for each band over (time, y, x).

        bands: by default all. like: the band whose grid all get, by default the first one; of bands
        on other grids the nearest pixels. masks: "nan" makes masked pixels NaN, and all bands
        floats; "variable" keeps the values that are on disk, and adds variables ``BAND_mask``, 0 to
        1. how: what ``odc.stac.load`` takes, such as ``crs`` and ``resolution`` for another grid,
        ``bbox``, or ``groupby="time"`` to make images of the same moment one. Raises UserError if
        the mirror has no such collection or band, or if its images share no grid and none is asked
        for.
        """
        items = self.images(name, begin=begin, end=end)
        if not items:
            raise UserError(f"{name} has no images in this mirror", hint="at these times, at least")
        known = _common_bands(name, items, bands)
        if not {"crs", "resolution", "geobox", "like"} & how.keys():
            how["geobox"] = _shared_grid(name, items, like or next(iter(known)))

        def read(*, as_floats: bool) -> xr.Dataset:
            kinds = {band: [bands_of(item)[band].data_type for item in items] for band in known}
            types = {band: read_type(some, as_floats=as_floats) for band, some in kinds.items()}
            loaded = odc.stac.load(
                [loadable(item, types, as_floats=as_floats) for item in items],
                bands=[*known, *(f"{band.name}{MASK}" for band in known.values() if band.has_mask)],
                chunks={"y": block, "x": block},
                **{"groupby": "id", **how},
            )
            return loaded.rename({old: new for old, new in _DEGREES.items() if old in loaded.dims})

        floats = _masked(read(as_floats=True), known)
        if masks == "nan":
            return floats
        # Of several images the value of masked pixels is not one: what is NaN says it for all.
        return _with_masks(read(as_floats=False), floats)


def open_mirror(path: Path | str) -> Mirror:
    """Return a mirror as data. Raises UserError if the folder is none."""
    folder = Path(path)
    if not (folder / "catalog.json").is_file():
        raise UserError(f"{folder} is no mirror", hint="its top folder holds catalog.json")
    return Mirror(folder)


def _items(mirror: Path, name: str) -> Iterator[pystac.Item]:
    """Yield the Items of an asset. Raises UserError if it is not in the catalogue."""
    for candidate in candidates(name):
        folder = mirror / asset_path(candidate)
        if (collection := folder / "collection.json").is_file():
            yield from pystac.Collection.from_file(str(collection)).get_items(recursive=True)
            return
        if (item := folder / "item.json").is_file():
            yield pystac.Item.from_file(str(item))
            return
    raise UserError(
        f"{name} is not in this mirror", hint=f"see the links of {mirror / 'catalog.json'}"
    )


#: What odc-stac calls the axes of a geographic grid, and everybody else here.
_DEGREES = {"latitude": "y", "longitude": "x"}


def is_between(item: pystac.Item, begin: datetime | None, end: datetime | None) -> bool:
    """Whether an image's own time lies within some; one without a time is of none."""
    if begin is None and end is None:
        return True
    time = None if item.properties.get(UNDATED) else item.datetime
    return time is not None and (begin is None or begin <= time) and (end is None or time < end)


def _common_bands(name: str, items: list[pystac.Item], wanted: Sequence[str]) -> dict[str, Band]:
    """Return the wanted bands; by default those that all images have."""
    first, *others = map(bands_of, items)
    common = {
        name: replace(band, has_mask=any(one[name].has_mask for one in (first, *others)))
        for name, band in first.items()
        if all(name in other for other in others)
    }
    if not common:
        raise UserError(f"the images of {name} share no band", hint="name some by bands=")
    if missing := [band for band in wanted if band not in common]:
        raise UserError(
            f"not every image of {name} has {', '.join(missing)}",
            hint=f"all have {', '.join(common)}",
        )
    return {band: common[band] for band in wanted or common}


def _shared_grid(name: str, items: list[pystac.Item], band: str) -> GeoBox:
    """Return the smallest grid that holds a band's pixels of all images, each as it is."""
    try:
        return geobox_union_conservative([bands_of(item)[band].box for item in items])
    except ValueError:
        raise UserError(
            f"the images of {name} lie on several grids", hint="give crs and resolution"
        ) from None


def _masked(loaded: xr.Dataset, known: dict[str, Band]) -> xr.Dataset:
    """Return the bands of data, NaN where they are masked."""
    variables = {
        name: loaded[name].where(loaded[f"{name}{MASK}"] != 0) if band.has_mask else loaded[name]
        for name, band in known.items()
    }
    return xr.Dataset(variables, attrs=loaded.attrs)


def _with_masks(loaded: xr.Dataset, floats: xr.Dataset) -> xr.Dataset:
    """Return bands as they are on disk, and the mask of each beside it."""
    masks = {f"{name}{MASK}": floats[name].notnull().astype("float32") for name in floats}
    for name, whole in masks.items():
        if name in loaded:
            masks[name] = loaded[name].fillna(whole)
    return xr.Dataset({**loaded.data_vars, **masks}, attrs=loaded.attrs)
