"""geesync mirrors Google Earth Engine assets to a local disk, proved, with their metadata."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from geesync.series.mirror import Mirror

__version__ = "0.1.0"


def open_mirror(path: Path | str) -> Mirror:
    """Return a mirror as data: ``open_mirror(path)["users/x/ndvi"]`` is an xarray data set.

    Needs ``pip install 'geesync[series]'``. Raises UserError if the folder is no mirror.
    """
    from geesync.series.mirror import open_mirror as opened  # noqa: PLC0415 # xarray is an extra

    return opened(path)
