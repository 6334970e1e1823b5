"""Compares an image at Earth Engine with one in the mirror, pixel by pixel, mask by mask."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from geesync.adapters.direct.source import Source
from geesync.adapters.formats.mirrored_pixels import MirroredImage
from geesync.adapters.formats.npy import pixels
from geesync.adapters.transfer.curl_loop import run
from geesync.domain.assets.asset import SourceAsset
from geesync.domain.direct.readings import readings
from geesync.domain.json import Json
from geesync.domain.tasks.refusals import stopped


def compare_pixels(
    source: Source,
    there: SourceAsset,
    folder: Path,
    sidecar: Json,
    *,
    keep_on: Callable[[], bool],
) -> dict[str, int]:
    """Return how many pixels of each band differ from the mirror's files; masked is a value, too.

    there: the image at Earth Engine, as it is described now. folder: of the copy.
    Raises RemoteError; PLAN if an answer would be too large.
    """
    copy = MirroredImage(folder, sidecar)
    different: Counter[str] = Counter()
    for reading in readings(copy.parts, there.bands):
        for tile in reading.tiles():
            if not keep_on():
                raise stopped()
            window = reading.grid.window(tile.row, tile.column, tile.height, tile.width)
            (arrays,) = run([source.pixels(there.name, reading.fields, window)])
            for wanted in reading.wanted:
                here = copy.read(wanted.part, wanted.band, tile)
                same = np.equal(here, pixels(wanted, arrays)) | (
                    np.isnan(here) & np.isnan(pixels(wanted, arrays))
                )
                different[wanted.band] += int(np.count_nonzero(~same))
    return dict(different)
