"""Items of a mirror as loaders of STAC read them: each band by its own name, tiles as one image.

Loaders know the bands of a file by the extensions of STAC 1.0 (``eo:bands``), and one file a band;
a mirror's Items have STAC 1.1's ``bands``, and tiles where an image is large.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pystac

_EO = "https://stac-extensions.github.io/eo/v1.1.0/schema.json"
_RASTER = "https://stac-extensions.github.io/raster/v1.1.0/schema.json"

#: The key of a tile: its part's, and its row and column.
_TILE_KEY = re.compile(r"(.+)-\d+-\d+")

_GEOTIFF = "image/tiff; application=geotiff"

#: Types whose every value a 32-bit float has.
_FITS_FLOAT32 = frozenset({"uint8", "int8", "uint16", "int16", "float32"})

#: What a band's mask is called, where masks are files of their own.
MASK = "_mask"


@dataclass(frozen=True)
class Band:
    """A band of an Item: where it lies and how its pixels are kept."""

    name: str
    data_type: str  #: numpy's name
    crs: str  #: an authority's code, or WKT2
    transform: tuple[float, ...]  #: six numbers, as rasterio has them
    shape: tuple[int, int]  #: (height, width)
    has_mask: bool  #: fractions of its mask are in a file of their own


def loadable(item: pystac.Item, *, as_floats: bool) -> pystac.Item:
    """Return an Item in which loaders find each band by its name.

    as_floats: bands of data are to be read as floats, masked pixels as NaN.
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
        plain.add_asset(key, _loadable(asset, as_floats=as_floats))
    return plain


def _loadable(asset: pystac.Asset, *, as_floats: bool) -> pystac.Asset:
    extra = asset.extra_fields
    suffix = MASK if _is_mask(asset) else ""
    raster = {"data_type": extra["data_type"]}
    if as_floats and not suffix:
        raster = {"data_type": float_type(extra["data_type"]), "nodata": "nan"}
    elif "nodata" in extra:
        raster["nodata"] = extra["nodata"]
    names = [band["name"] for band in extra["bands"]]
    fields = {
        **{key: value for key, value in extra.items() if key.startswith("proj:")},
        "eo:bands": [{"name": f"{name}{suffix}"} for name in names],
        "raster:bands": [raster for _ in names],
    }
    href = str(asset.get_absolute_href())
    return pystac.Asset(href, media_type=_GEOTIFF, roles=["data"], extra_fields=fields)


def float_type(data_type: str) -> str:
    """Return the smallest float that has every value of a type, or nearly: numpy's names."""
    return "float32" if data_type in _FITS_FLOAT32 else "float64"


def _is_mask(asset: pystac.Asset) -> bool:
    return "data-mask" in (asset.roles or ())


def bands_of(item: pystac.Item) -> dict[str, Band]:
    """Return an Item's bands of pixels by name, in the order of its files."""
    files = [asset for _, asset in _parts(item)]
    names = [(asset, band["name"]) for asset in files for band in asset.extra_fields["bands"]]
    masked = {name for asset, name in names if _is_mask(asset)}
    return {
        name: _band(name, asset.extra_fields, masked)
        for asset, name in names
        if not _is_mask(asset)
    }


def _band(name: str, described: Mapping[str, Any], masked: set[str]) -> Band:
    height, width = described["proj:shape"]
    return Band(
        name,
        described["data_type"],
        described.get("proj:code") or described["proj:wkt2"],
        tuple(described["proj:transform"]),
        (height, width),
        name in masked,
    )


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
    a, b, _, d, e, _ = fields[0]["proj:transform"][:6]
    first = min(fields, key=lambda one: _offset(one, fields[0]))
    corner = first["proj:transform"]
    rows, columns = zip(*(_end(field, first) for field in fields), strict=True)
    grid = {
        "proj:transform": [a, b, corner[2], d, e, corner[5]],
        "proj:shape": [max(rows), max(columns)],
    }
    return pystac.Asset(
        str(whole.get_absolute_href()), roles=["data"], extra_fields={**fields[0], **grid}
    )


def _offset(tile: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[int, int]:
    """Return where a tile begins, in (rows, columns) from another's corner."""
    a, b, x, d, e, y = tile["proj:transform"][:6]
    right, down = x - other["proj:transform"][2], y - other["proj:transform"][5]
    determinant = a * e - b * d
    column, row = (e * right - b * down) / determinant, (a * down - d * right) / determinant
    return round(row), round(column)


def _end(tile: Mapping[str, Any], first: Mapping[str, Any]) -> tuple[int, int]:
    row, column = _offset(tile, first)
    height, width = tile["proj:shape"]
    return row + height, column + width
