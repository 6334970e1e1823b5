"""An image's outline, in pixels of its grid, where it is not the whole of it. Imports rasterio."""

from __future__ import annotations

from affine import Affine
from rasterio.errors import CRSError
from rasterio.warp import transform

from geesync.domain.assets.asset import SourceAsset
from geesync.domain.json import Json

#: Of the grid's area: an outline that has less is not that of the grid, of which Earth Engine
#: keeps the edges as a few straight lines.
_WHOLE = 0.995


def footprint_in_pixels(source: SourceAsset) -> Json | None:
    """Return the footprint of an image's manifest; None where its grid is all there is to say.

    A manifest takes one ring, in pixels of a band.
    https://developers.google.com/earth-engine/guides/image_manifest#footprint
    """
    outline = source.outline
    if outline is None or outline["type"] != "Polygon" or len(outline["coordinates"]) != 1:
        return None
    band = source.bands[0]
    longitudes, latitudes = zip(*(corner[:2] for corner in outline["coordinates"][0]), strict=True)
    try:
        xs, ys = transform("EPSG:4326", band.grid.crs, longitudes, latitudes)
    except CRSError:
        return None
    inverse = ~Affine(*band.grid.transform)
    ring = [inverse * place for place in zip(xs, ys, strict=True)]
    if _area(ring) >= _WHOLE * band.grid.pixels:
        return None
    points = [{"x": round(x, 6), "y": round(y, 6)} for x, y in ring]
    return {"bandId": band.id, "points": points}


def _area(ring: list[tuple[float, float]]) -> float:
    pairs = zip(ring, [*ring[1:], ring[0]], strict=True)
    return abs(sum(x * next_y - next_x * y for (x, y), (next_x, next_y) in pairs)) / 2
