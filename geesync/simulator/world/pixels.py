"""What the simulated assets hold: grids, bands with real pixels and masks, and features."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Json = dict[str, Any]

Precision = Literal["INT", "FLOAT", "DOUBLE"]
PixelArray = NDArray[Any]  #: shape (height, width)
MaskArray = NDArray[np.float32]  #: shape (height, width), 0 = masked … 1 = valid

#: GDAL's names of the pixel types that a GeoTIFF export can have, as Earth Engine words them.
TYPE_NAMES = {
    "int8": "Int8",
    "uint8": "Byte",
    "int16": "Int16",
    "uint16": "UInt16",
    "int32": "Int32",
    "uint32": "UInt32",
    "float32": "Float32",
    "float64": "Float64",
}


@functools.lru_cache(maxsize=1000)
def smallest_type(precision: Precision, value_range: tuple[int, int] | None) -> np.dtype[Any]:
    """Return the pixel type in which an export writes bands of this declared type.

    Integers beyond 32 bits are delivered as float64.
    """
    if precision != "INT":
        return np.dtype("float32" if precision == "FLOAT" else "float64")
    low, high = value_range or (0, 0)
    for name in ("uint8", "int8", "uint16", "int16", "uint32", "int32"):
        info = np.iinfo(name)
        if info.min <= low and high <= info.max:
            return np.dtype(name)
    return np.dtype("float64")


@dataclass(frozen=True)
class SimGrid:
    """Where the pixels of a band lie."""

    crs: str  #: "EPSG:32633" or a WKT text
    transform: tuple[float, float, float, float, float, float]
    """(x-scale, x-shear, x-origin, y-shear, y-scale, y-origin) in CRS units per pixel."""
    width: int  #: pixels
    height: int  #: pixels


@dataclass(frozen=True)
class SimBand:
    """One band: its declared type and the pixels that are the truth in every test.

    ``load`` makes ``(values, mask)``, both of shape (height, width), anew at each call and
    always the same, so that a million images need not be in memory; ``mask`` None means all
    valid.
    """

    id: str
    grid: SimGrid
    precision: Precision
    value_range: tuple[int, int] | None  #: (min, max), both inclusive; None for floats
    load: Callable[[], tuple[PixelArray, MaskArray | None]] = field(repr=False)
    pyramiding: str | None = None
    missing: Sequence[float] = ()
    array_dimensions: int = 0  #: ≥ 1 is an array band, which no GeoTIFF can hold

    @property
    def dtype(self) -> np.dtype[Any]:
        """The smallest type that holds the declared range; what an export writes."""
        return smallest_type(self.precision, self.value_range)


@dataclass(frozen=True)
class SimFeature:
    """One row of a table; ``geometry`` is GeoJSON in EPSG:4326 or None."""

    index: str  #: system:index
    geometry: Json | None
    properties: Json


@dataclass
class SimAsset:
    """One asset, as the service keeps it; ``name`` is the canonical ``projects/…/assets/…``."""

    name: str
    type: str  #: FOLDER, IMAGE_COLLECTION, IMAGE, TABLE, CLASSIFIER, FEATURE_VIEW
    update_time: str = ""  #: RFC 3339; set by the world when the asset is put
    properties: Json = field(default_factory=dict)
    start_time: str | None = None
    end_time: str | None = None
    geometry: Json | None = None  #: the footprint as GeoJSON, EPSG:4326
    bands: tuple[SimBand, ...] = ()
    features: Callable[[], Iterator[SimFeature]] | None = None
    feature_count: int = 0
    size_bytes: int = 0
    policy: Json = field(default_factory=dict)  #: IAM policy
    extra: Json = field(default_factory=dict)  #: further fields: tilesets, expression …
