"""Which pixels a request for pixels means: what its grid leaves open is the image's own."""

from __future__ import annotations

from shapely.geometry import mapping

from geesync.simulator.computing.images import Image
from geesync.simulator.computing.projections import Geometry, cover
from geesync.simulator.computing.regions import fitted, outline_of, wanted_projection
from geesync.simulator.messages.geojson import read_region
from geesync.simulator.world.pixels import Json, SimGrid

DEGREES = "EPSG:4326"  #: the CRS of GeoJSON


def requested_grid(image: Image, wanted: Json, region: Json | None) -> SimGrid:
    """Return the grid of a request.

    wanted: its ``grid``; CRS, transform and dimensions may each be missing. region: GeoJSON in
    degrees. Dimensions without a transform stretch over the region, or over all of the image.
    Raises ExportRefused if the image has no end.
    """
    band = image.bands[0]
    projection = wanted_projection(wanted, band.projection)
    size = wanted.get("dimensions", {})
    width, height = size.get("width"), size.get("height")
    if width and height and "affineTransform" in wanted and region is None:
        return projection.grid(0, 0, width, height)
    place = outline_of(band) if region is None else Geometry(DEGREES, mapping(read_region(region)))
    if width or height:
        return fitted(place, projection.crs, width, height, None)
    return cover(projection, place)
