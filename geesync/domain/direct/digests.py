"""A digest of every pixel of an image, as Earth Engine computes it, and what it must come to.

Sums over a band of what is valid, and of the values times a weight that depends on the place, so
that neither another value nor one elsewhere leaves them as they are. Integers are summed by
halves of 16 bits, so that no sum passes 2**53 and all are exact; floats to a part in a billion.
https://developers.google.com/earth-engine/apidocs/ee-image-reduceregion
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from geesync.domain.assets.asset import INTEGER_RANGES
from geesync.domain.assets.grid import Grid
from geesync.domain.json import Json
from geesync.domain.tasks.expressions import call, cast, expression

#: A pixel in column x and row y weighs ``(x * ACROSS + y * DOWN) mod PRIME + 1``.
ACROSS, DOWN, PRIME = 31, 17, 251
HALF = 2**16

#: Of one computation, which may take five minutes.
_MOST_PIXELS = 10**8

_TOLERANCE = 1e-9

Sums = dict[str, float]


@dataclass(frozen=True)
class BandDigest:
    """A band whose digest is wanted."""

    id: str
    pixel_type: str  #: numpy's name, of the asset's own
    has_fractions: bool  #: whether parts of a mask must be kept

    @property
    def lowest(self) -> int | None:
        """The least integer of its type; None for floats."""
        limits = INTEGER_RANGES.get(self.pixel_type)
        return None if limits is None else int(limits[0])


def strips(grid: Grid) -> Iterator[tuple[int, int]]:
    """Yield (first row, rows) of pieces that one computation can sum up."""
    rows = max(1, _MOST_PIXELS // grid.width)
    for first in range(0, grid.height, rows):
        yield first, min(rows, grid.height - first)


def request(asset: str, band: BandDigest, grid: Grid, first: int, rows: int) -> Json:
    """Return the expression that sums up some rows of a band: ``{name of a sum: number}``."""
    projection = call("Projection", crs=grid.crs, transform=list(grid.transform))
    places = call("Image.pixelCoordinates", projection=projection)
    x, y = (_whole(_plus(_band(places, name), 0.25)) for name in ("x", "y"))
    rank = _binary("add", _binary("multiply", x, ACROSS), _binary("multiply", y, DOWN))
    is_here = _binary("and", _within(x, 0, grid.width), _within(y, first, first + rows))
    weight = _binary("multiply", _plus(_binary("mod", rank, PRIME), 1), is_here)
    terms = _terms(_band(call("Image.load", id=asset), band.id), band)
    image = call("Image.constant", value=0)
    for term in terms.values():
        image = call("Image.addBands", dstImg=image, srcImg=_binary("multiply", term, weight))
    names = ["nothing", *terms]
    # Half a pixel beyond the rows, of which nothing counts: no pixel is cut by an edge.
    corners = [[-0.4, first - 0.4], [grid.width + 0.4, first + rows + 0.4]]
    region = call(
        "GeometryConstructors.Rectangle", coordinates=corners, crs=projection, geodesic=False
    )
    reducer = call("Reducer.unweighted", reducer=call("Reducer.sum"))
    return expression(
        call(
            "Image.reduceRegion",
            image=call("Image.rename", input=image, names=names),
            reducer=reducer,
            geometry=region,
            crs=projection,
            maxPixels=10 * _MOST_PIXELS,
        )
    )


def _terms(image: Json, band: BandDigest) -> dict[str, Json]:
    mask = call("Image.mask", image=image)
    terms = {"valid": _filled(_binary("neq", mask, 0))}
    if band.has_fractions:
        terms["mask"] = _filled(mask)
    value = cast("float64", _filled(cast(band.pixel_type, image)))
    if band.lowest is None:
        return {**terms, "value": value, "size": call("Image.abs", value=value)}
    from_zero = _plus(value, -band.lowest)
    high = _whole(_binary("divide", from_zero, HALF))
    low = _binary("subtract", from_zero, _binary("multiply", high, HALF))
    return {**terms, "high": high, "low": low}


def _band(image: Json, band: str) -> Json:
    return call("Image.select", input=image, bandSelectors=[band])


def _filled(image: Json) -> Json:
    zero = call("Image.constant", value=0)
    return call("Image.unmask", input=image, value=zero, sameFootprint=False)


def _binary(name: str, image: Json, other: Json | float) -> Json:
    second = other if isinstance(other, dict) else call("Image.constant", value=other)
    return call(f"Image.{name}", image1=image, image2=second)


def _plus(image: Json, number: float) -> Json:
    return _binary("add", cast("float64", image), number)


def _within(image: Json, least: int, end: int) -> Json:
    return _binary("and", _binary("gte", image, least), _binary("lt", image, end))


def _whole(image: Json) -> Json:
    return call("Image.floor", value=image)


def same(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    """Whether two digests of a band are of the same pixels; floats are summed in any order."""
    if one.keys() != other.keys():
        return False
    scale = abs(one.get("size", 0.0))
    return all(
        _alike(one[name], other[name], _TOLERANCE * (scale if name == "value" else abs(one[name])))
        if name in {"value", "size", "mask"}
        else one[name] == other[name]
        for name in one
    )


def _alike(one: float, other: float, most: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other)) or abs(one - other) <= most
