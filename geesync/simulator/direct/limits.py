"""How much can be asked for in one request, and what is said of more."""

from __future__ import annotations

from geesync.simulator.computing.images import Image
from geesync.simulator.profiles import Profile
from geesync.simulator.refusals import BadRequest
from geesync.simulator.world.pixels import SimGrid

MOST_BYTES = 50_331_648
MOST_EDGE = 32_768  #: pixels
MOST_BANDS = 1_024
MASK_BYTES = 1  #: each pixel of each band counts with its mask, whether or not there is one


def counted_bytes(image: Image, grid: SimGrid) -> int:
    """Return how large the pixels of all bands are said to be."""
    pixel_bytes = sum(band.type.dtype.itemsize + MASK_BYTES for band in image.bands)
    return grid.width * grid.height * pixel_bytes


def check_limits(profile: Profile, image: Image, grid: SimGrid) -> None:
    """Raise BadRequest if a request is too large, or too much work by the profile's knobs."""
    if max(grid.width, grid.height) > MOST_EDGE:
        raise BadRequest(
            f"Pixel grid dimensions ({grid.width}x{grid.height}) must be less than or equal"
            f" to {MOST_EDGE}."
        )
    if len(image.bands) > MOST_BANDS:
        raise BadRequest(
            f"Number of bands ({len(image.bands)}) must be less than or equal to {MOST_BANDS}."
        )
    size = counted_bytes(image, grid)
    if size > MOST_BYTES:
        raise BadRequest(
            f"Total request size ({size} bytes) must be less than or equal to {MOST_BYTES} bytes."
        )
    if size > profile.direct_memory_bytes:
        raise BadRequest("User memory limit exceeded.")
    if size > profile.direct_timeout_bytes:
        raise BadRequest("Computation timed out.")
