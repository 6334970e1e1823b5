"""Items of a mirror as loaders of STAC read them: each band by its own name, tiles as one image.

Loaders know the bands of a file by the extensions of STAC 1.0 (``eo:bands``), and one file a band;
a mirror's Items have STAC 1.1's ``bands``, and tiles where an image is large.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pystac
from affine import Affine
from odc.geo.geobox import GeoBox, geobox_union_conservative

_EO = "https://stac-extensions.github.io/eo/v1.1.0/schema.json"
_RASTER = "https://stac-extensions.github.io/raster/v1.1.0/schema.json"

#: The key of a tile: its part's, and its row and column.
_TILE_KEY = re.compile(r"(.+)-\d+-\d+")

_GEOTIFF = "image/tiff; application=geotiff"

#: Types whose every value a 32-bit float has.
_FITS_FLOAT32 = frozenset({"uint8", "int8", "uint16", "int16", "float32"})

#: What a band's mask is called, where masks are files of their own.
MASK = "_mask"

#: A member of Items that have no time of their own, but that of their mirroring.
UNDATED = "ee:undated"


@dataclass(frozen=True)
class Band:
    """A band of an Item: where it lies and how its pixels are kept."""

    name: str
    box: GeoBox  #: its grid
    data_type: str  #: numpy's name
    has_mask: bool  #: fractions of its mask are in a file of their own


def read_type(kinds: Iterable[str], *, as_floats: bool) -> str:
    """Return the type in which a band is read whose images have these: no value is rounded."""
    some = set(kinds)
    if as_floats:
        return "float32" if some <= _FITS_FLOAT32 else "float64"
    return str(np.result_type(*some))


def loadable(item: pystac.Item, types: Mapping[str, str], *, as_floats: bool) -> pystac.Item:
    """Return an Item in which loaders find each band by its name.

    types: in which bands of data are read. as_floats: their masked pixels are to be NaN.
    """
    plain = pystac.Item(
        item.id,
        item.geometry,
        item.bbox,
        item.datetime,
        {**item.properties},
        stac_extensions=[_EO, _RASTER, *item.stac_extensions],
        collection=item.collection_id,
    )
    for key, asset in _parts(item):
        plain.add_asset(key, _loadable(asset, types, as_floats=as_floats))
    return plain


def _loadable(asset: pystac.Asset, types: Mapping[str, str], *, as_floats: bool) -> pystac.Asset:
    extra = asset.extra_fields
    suffix = MASK if _is_mask(asset) else ""
    nodata = {"nodata": extra["nodata"]} if "nodata" in extra else {}
    if as_floats or suffix:
        nodata = {"nodata": "nan"}  # in a mask: this image has none in a file
    names = [band["name"] for band in extra["bands"]]
    kinds = ["float32" if suffix else types.get(name, extra["data_type"]) for name in names]
    fields = {
        **{key: value for key, value in extra.items() if key.startswith("proj:")},
        "eo:bands": [{"name": f"{name}{suffix}"} for name in names],
        "raster:bands": [{"data_type": kind, **nodata} for kind in kinds],
    }
    href = str(asset.get_absolute_href())
    return pystac.Asset(href, media_type=_GEOTIFF, roles=["data"], extra_fields=fields)


def _is_mask(asset: pystac.Asset) -> bool:
    return "data-mask" in (asset.roles or ())


def bands_of(item: pystac.Item) -> dict[str, Band]:
    """Return an Item's bands of pixels by name, in the order of its files."""
    files = [asset for _, asset in _parts(item)]
    names = [(asset, band["name"]) for asset in files for band in asset.extra_fields["bands"]]
    masked = {name for asset, name in names if _is_mask(asset)}
    return {
        name: Band(name, _box(asset.extra_fields), asset.extra_fields["data_type"], name in masked)
        for asset, name in names
        if not _is_mask(asset)
    }


def _box(described: Mapping[str, Any]) -> GeoBox:
    crs = described.get("proj:code") or described["proj:wkt2"]
    return GeoBox(described["proj:shape"], Affine(*described["proj:transform"][:6]), crs)


def _parts(item: pystac.Item) -> Iterator[tuple[str, pystac.Asset]]:
    """Yield (key, file) of each part of an image: of several tiles their virtual raster."""
    groups: dict[str, list[tuple[str, pystac.Asset]]] = {}
    for key, asset in item.assets.items():
        if "bands" in asset.extra_fields and "proj:shape" in asset.extra_fields:
            groups.setdefault(_part_key(key, item), []).append((key, asset))
    for part, files in groups.items():
        if len(files) == 1:
            yield files[0]
        else:
            yield part, _mosaic(item, part, [asset for _, asset in files])


def _part_key(key: str, item: pystac.Item) -> str:
    """Return the key of the part that a file belongs to; a tile's ends in its row and column."""
    found = _TILE_KEY.fullmatch(key)
    return found[1] if found and _virtual(item, found[1]) else key


def _virtual(item: pystac.Item, part: str) -> pystac.Asset | None:
    prefix = "" if part == "data" else f"{part}."
    for ending in ("cog.tif", "vrt"):
        if (asset := item.assets.get(prefix + ending)) is not None:
            return asset
    return None


def _mosaic(item: pystac.Item, part: str, tiles: Iterable[pystac.Asset]) -> pystac.Asset:
    """Return the one file in which all tiles are an image, with the grid of all of them."""
    whole = _virtual(item, part)
    assert whole is not None  # a tile is one for having it
    fields = [tile.extra_fields for tile in tiles]
    box = geobox_union_conservative([_box(tile) for tile in fields])
    grid = {"proj:transform": list(box.transform[:6]), "proj:shape": list(box.shape)}
    return pystac.Asset(
        str(whole.get_absolute_href()), roles=["data"], extra_fields={**fields[0], **grid}
    )
