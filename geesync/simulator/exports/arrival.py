"""What of a request for an export is refused when it comes, before there is an operation."""

from __future__ import annotations

from geesync.simulator.computing.evaluator import check
from geesync.simulator.exports.geotiff import MAX_PIXELS, MOST_PIXELS
from geesync.simulator.profiles import Profile
from geesync.simulator.refusals import BadRequest, NotSimulated
from geesync.simulator.world.pixels import Json

#: What can be written here; Earth Engine has others.
MOST_PREFIX_BYTES = 1000  #: of 1,024 for the whole name; the rest is for offsets and suffix
FORMATS = ("GEO_TIFF", "CSV", "GEO_JSON")


def check_request(body: Json, profile: Profile) -> None:
    """Raise CallRefused for a request that can never be right, or that is beyond the simulator."""
    check(body["expression"])
    check_description(body.get("description", ""), profile)
    _check_size(body)
    _check_prefix(body.get("fileExportOptions", {}))
    file_format = body.get("fileExportOptions", {}).get("fileFormat", FORMATS[0])
    if file_format not in FORMATS:
        raise NotSimulated(f"The simulator exports {' and '.join(FORMATS)} only, no {file_format}.")


def check_description(description: str, profile: Profile) -> None:
    """Raise BadRequest for a description that is too long."""
    if len(description) > profile.longest_description:
        raise BadRequest(
            f"Invalid description: at most {profile.longest_description} characters are allowed."
        )


def _check_prefix(options: Json) -> None:
    """Refuse names that no object can have."""
    prefix = options.get("cloudStorageDestination", {}).get("filenamePrefix", "")
    if len(prefix.encode()) > MOST_PREFIX_BYTES or set(prefix) & set("\r\n"):
        raise BadRequest(f"Invalid filename prefix: '{prefix[:100]}'.")


def _check_size(body: Json) -> None:
    """Refuse what this simulator could not be done with in a day."""
    size = body.get("grid", {}).get("dimensions", {})
    pixels = size.get("width", 1) * size.get("height", 1)
    if MOST_PIXELS < pixels <= body.get("maxPixels", MAX_PIXELS):
        raise NotSimulated(f"The simulator exports at most {MOST_PIXELS} pixels, not {pixels}.")
