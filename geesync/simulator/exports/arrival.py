"""What of a request for an export is refused when it comes, before there is an operation."""

from __future__ import annotations

from geesync.simulator.computing.evaluator import check
from geesync.simulator.exports.geotiff import MAX_PIXELS, MOST_PIXELS
from geesync.simulator.refusals import NotSimulated
from geesync.simulator.world.pixels import Json

#: What can be written here; Earth Engine has others.
FORMATS = ("GEO_TIFF", "CSV", "GEO_JSON")


def check_request(body: Json) -> None:
    """Raise CallRefused for a request that can never be right, or that is beyond the simulator."""
    check(body["expression"])
    _check_size(body)
    file_format = body.get("fileExportOptions", {}).get("fileFormat", FORMATS[0])
    if file_format not in FORMATS:
        raise NotSimulated(f"The simulator exports {' and '.join(FORMATS)} only, no {file_format}.")


def _check_size(body: Json) -> None:
    """Refuse what this simulator could not be done with in a day."""
    size = body.get("grid", {}).get("dimensions", {})
    pixels = size.get("width", 1) * size.get("height", 1)
    if MOST_PIXELS < pixels <= body.get("maxPixels", MAX_PIXELS):
        raise NotSimulated(f"The simulator exports at most {MOST_PIXELS} pixels, not {pixels}.")
