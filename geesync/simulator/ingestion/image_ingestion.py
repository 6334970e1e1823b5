"""What image an image manifest describes: which bands, of which files, with which masks.

https://developers.google.com/earth-engine/guides/image_manifest
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from geesync.simulator.computing.images import Pixels, take
from geesync.simulator.computing.projections import Projection, in_crs, place
from geesync.simulator.ingestion.mosaics import Fetch, Mosaic, read_tileset, refused
from geesync.simulator.messages.schemas import PYRAMIDING
from geesync.simulator.scenarios.footprints import footprint
from geesync.simulator.scenarios.landscape import TYPES
from geesync.simulator.world.pixels import Json, MaskArray, PixelArray, SimAsset, SimBand, SimGrid

Mosaics = dict[str, Mosaic]  #: by the ids of their tilesets, in the manifest's order


def ingest_image(manifest: Json, fetch: Fetch) -> SimAsset:
    """Return the image of a manifest, without its name.

    Raises ExportRefused if its files are not there, do not fit together or do not have the
    bands that it names.
    """
    mosaics = {
        tileset.get("id", ""): read_tileset(tileset, fetch) for tileset in manifest["tilesets"]
    }
    masks = _Masks(manifest, mosaics)
    bands = tuple(masks.masked(wanted) for wanted in _bands(manifest, mosaics))
    if not bands:
        raise refused("The files hold no bands but masks.")
    return SimAsset(
        name="",
        type="IMAGE",
        properties=manifest.get("properties", {}),
        start_time=manifest.get("startTime"),
        end_time=manifest.get("endTime"),
        geometry=_footprint(manifest.get("footprint", {}), bands),
        bands=bands,
        size_bytes=sum(b.grid.width * b.grid.height * b.dtype.itemsize for b in bands),
    )


@dataclass(frozen=True)
class _Wanted:
    """A band of the asset, and where it is in the files."""

    told: Json  #: the manifest's own words, with its id
    mosaic: Mosaic
    index: int

    @property
    def values(self) -> PixelArray:
        values: PixelArray = self.mosaic.values[self.index]
        return values


def _bands(manifest: Json, mosaics: Mosaics) -> list[_Wanted]:
    """Return the bands in the asset's order; without names they are b1, b2 and so on."""
    places = [place for key in mosaics for place in _data_bands(manifest, mosaics, key)]
    told = manifest.get("bands", [])
    if not told:
        named = enumerate(places, start=1)
        return [_Wanted({"id": f"b{n}"}, mosaics[key], index) for n, (key, index) in named]
    if not any("tilesetBandIndex" in band for band in told):
        if len(told) != len(places):
            raise refused(
                f"The manifest names {len(told)} bands, but its files have {len(places)}."
            )
        seen: Counter[str] = Counter()
        told = [{**band, "tilesetBandIndex": _next(seen, _tileset(band, mosaics))} for band in told]
    wanted = [(band, _tileset(band, mosaics), band.get("tilesetBandIndex", 0)) for band in told]
    for band, key, index in wanted:
        if (key, index) not in places:
            raise refused(f"Band '{band['id']}' is not in its tileset: {index}.")
    return [_Wanted(band, mosaics[key], index) for band, key, index in wanted]


def _next(seen: Counter[str], key: str) -> int:
    seen[key] += 1
    return seen[key] - 1


def _tileset(member: Json, mosaics: Mosaics) -> str:
    """Return which tileset a band or a mask is of; with a single one it need not be said."""
    return str(member.get("tilesetId", "")) if len(mosaics) > 1 else next(iter(mosaics))


def _data_bands(manifest: Json, mosaics: Mosaics, key: str) -> Iterator[tuple[str, int]]:
    """Yield the bands of a tileset that are no masks: the last one may be."""
    has_mask = key in {_tileset(mask, mosaics) for mask in manifest.get("maskBands", [])}
    for index in range(len(mosaics[key].values) - has_mask):
        yield key, index


class _Masks:
    """How the masks of bands come about: by mask bands, missing data, or the files' own."""

    def __init__(self, manifest: Json, mosaics: Mosaics) -> None:
        self._manifest = manifest
        self._mosaics = mosaics

    def masked(self, wanted: _Wanted) -> SimBand:
        """Return a band with its mask."""
        told, mosaic = wanted.told, wanted.mosaic
        mask = self._mask(wanted)
        values = wanted.values.astype(mosaic.dtype, copy=False)
        precision, value_range = TYPES[mosaic.dtype.name]
        policy = told.get("pyramidingPolicy") or self._manifest.get("pyramidingPolicy")
        return SimBand(
            id=told["id"],
            grid=mosaic.grid,
            precision=precision,
            value_range=value_range,
            load=lambda: (values, None if (mask == 1).all() else mask),
            pyramiding="MEAN" if policy in (None, PYRAMIDING[0]) else policy,
            missing=tuple(self._missing(told) or ()),
        )

    def _missing(self, told: Json) -> list[float] | None:
        """Return the missing-data values of a band; None = nothing is said of them."""
        said = told.get("missingData", self._manifest.get("missingData"))
        return None if said is None else said.get("values", [])

    def _mask(self, wanted: _Wanted) -> MaskArray:
        missing, mosaic = self._missing(wanted.told), wanted.mosaic
        explicit = self._mask_band(wanted)
        if missing and mosaic.internal_mask is not None and explicit is None:
            raise refused("Missing data cannot be combined with masks inside of the files.")
        no_data = mosaic.no_data[wanted.index]
        if missing is None:
            missing = [] if no_data is None else [no_data]
        valid = mosaic.covered & ~_is_any(wanted.values, missing)
        if explicit is not None:
            return explicit * valid
        if mosaic.internal_mask is not None:
            valid &= mosaic.internal_mask
        return valid.astype(np.float32)

    def _mask_band(self, wanted: _Wanted) -> MaskArray | None:
        """Return the mask that a mask band gives to a band, on the band's grid."""
        for told in self._manifest.get("maskBands", []):
            if not told.get("bandIds") or wanted.told["id"] in told["bandIds"]:
                mosaic = self._mosaics[_tileset(told, self._mosaics)]
                if len(mosaic.values) > 1 and mosaic.values.dtype != np.uint8:
                    raise refused("A mask beside data is possible only in GeoTIFFs of type Byte.")
                weights = _weights(mosaic.values[-1]) * mosaic.covered
                pixels = Pixels(weights, np.ones_like(weights))
                return take(pixels, mosaic.grid, wanted.mosaic.grid).values
        return None


def _weights(values: PixelArray) -> MaskArray:
    """Return a mask from 0 to 1; integers count from 0 to the most that their type holds."""
    if values.dtype.kind == "f":
        share = np.nan_to_num(values).clip(0, 1)
    else:
        share = values.clip(min=0) / np.iinfo(values.dtype).max
    weights: MaskArray = share.astype(np.float32)
    return weights


def _is_any(values: PixelArray, wanted: list[float]) -> PixelArray:
    found = np.zeros(values.shape, bool)
    for value in wanted:
        found |= np.isnan(values) if np.isnan(value) else values == value
    return found


def _footprint(told: Json, bands: tuple[SimBand, ...]) -> Json:
    """Return the outline in degrees: a ring in pixels of a band, or all of the first band."""
    if not told.get("points"):
        return footprint(bands[0].grid)
    grid: SimGrid = next((b.grid for b in bands if b.id == told.get("bandId")), bands[0].grid)
    ring: list[Any] = [[point.get("x", 0.0), point.get("y", 0.0)] for point in told["points"]]
    shape = {"type": "Polygon", "coordinates": [ring]}
    placed = place(shape, Projection(grid.crs, grid.transform))
    corners = np.asarray(placed.shape["coordinates"][0], dtype=float).T
    xs, ys = in_crs(corners[0], corners[1], grid.crs, "EPSG:4326")
    ring = [[round(x, 9), round(y, 9)] for x, y in zip(xs.tolist(), ys.tolist(), strict=True)]
    return {"type": "Polygon", "coordinates": [ring]}
