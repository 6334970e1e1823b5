"""Compares an image at Earth Engine with one in the mirror, pixel by pixel, mask by mask."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from geesync.adapters.direct.source import Source
from geesync.adapters.formats.npy import pixels
from geesync.adapters.mirrored.mirrored_pixels import MirroredImage
from geesync.domain.assets.asset import SourceAsset
from geesync.domain.direct.readings import Reading, readings
from geesync.domain.direct.rereading import sampled
from geesync.domain.failures.shared_failures import stopped
from geesync.domain.json import Json
from geesync.domain.mirror.coverage import Tile
from geesync.errors import Cause, RemoteError

if TYPE_CHECKING:
    from geesync.adapters.formats.npy import Arrays

#: Answers that are on their way or wait to be compared, in bytes.
_HELD_BYTES = 256 * 1024 * 1024

#: An answer that is too much for Earth Engine is halved so often, then no more.
_HALVINGS = (0, 4, 8)


def answers_of(there: SourceAsset, folder: Path, sidecar: Json) -> int:
    """Return how many answers all pixels of an image take, to compare them with its copy's."""
    copy = MirroredImage(folder, sidecar)
    return sum(one.requests for one in readings(copy.parts, there.bands, 0))


def compare_pixels(
    source: Source,
    there: SourceAsset,
    folder: Path,
    sidecar: Json,
    *,
    share: float = 1.0,
    seed: str = "",
    whole_masks: bool = False,
) -> dict[str, int]:
    """Return how many pixels of each band differ from the mirror's files; masked is a value, too.

    there: the image at Earth Engine, as it is described now. folder: of the copy. share: of its
    pixels, about, drawn by the seed; some of each grid in any case. whole_masks: what is not wholly
    masked may have become valid.
    Raises RemoteError; PLAN if no answer is small enough.
    """
    copy = MirroredImage(folder, sidecar)
    for halvings in _HALVINGS:
        cut = readings(copy.parts, there.bands, halvings)
        tiles = [(one, tile) for one in cut for tile in sampled(one, share, there.name, seed)]
        try:
            return _differing(source, there, copy, tiles, whole_masks=whole_masks)
        except RemoteError as error:
            if error.cause != Cause.PLAN or halvings == _HALVINGS[-1]:
                raise
    raise AssertionError


def _differing(
    source: Source,
    there: SourceAsset,
    copy: MirroredImage,
    tiles: list[tuple[Reading, Tile]],
    *,
    whole_masks: bool,
) -> dict[str, int]:
    async def asked(reading: Reading, tile: Tile) -> tuple[Reading, Tile, Arrays]:
        grid = tile.grid(reading.grid)
        return reading, tile, await source.pixels(there.image, there.revision, reading.fields, grid)

    largest = max((r.pixel_bytes * t.height * t.width for r, t in tiles), default=1)
    different: Counter[str] = Counter()
    for ended in source.turns((asked(*one) for one in tiles), max(1, _HELD_BYTES // largest)):
        if not source.keep_on():
            raise stopped()
        for _, (reading, tile, arrays) in ended:
            for one in reading.wanted:
                here, now = copy.read(one.part, one.band, tile), pixels(one, arrays)
                if whole_masks and one.part.of_masks:
                    here, now = here > 0, now > 0
                same = np.equal(here, now) | (np.isnan(here) & np.isnan(now))
                different[one.band] += int(np.count_nonzero(~same))
    return dict(different)
