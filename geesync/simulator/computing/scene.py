"""What an expression can load: assets as images and tables, with the pixels held for a while."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

from geesync.simulator.computing.images import Image, Pixels, all_pixels, stored_band
from geesync.simulator.refusals import INVALID_ARGUMENT, ExportRefused
from geesync.simulator.world.pixels import SimAsset, SimBand, SimFeature

HELD_BYTES = 64_000_000  #: of pixels that were made and may be asked for again

#: Returns the asset of an id or a name; raises KeyError if there is none.
Lookup = Callable[[str], SimAsset]


@dataclass(frozen=True)
class Table:
    """A table; each call of ``features`` begins anew."""

    features: Callable[[], Iterator[SimFeature]]


class HeldPixels:
    """All pixels of the bands that were asked for last; thread-safe.

    Of several who ask for a band at once, one makes it and the others wait.
    """

    def __init__(self, most_bytes: int = HELD_BYTES) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        # The band is kept, too, so that its id is nobody else's.
        self._held: OrderedDict[int, tuple[SimBand, Future[Pixels]]] = OrderedDict()

    def pixels(self, band: SimBand) -> Pixels:
        """Return what a band of an asset holds."""
        with self._lock:
            known = self._held.get(id(band))
            future = known[1] if known else Future[Pixels]()
            self._held[id(band)] = band, future
            self._held.move_to_end(id(band))
        if known is None:
            self._make(band, future)
        return future.result()

    def _make(self, band: SimBand, future: Future[Pixels]) -> None:
        try:
            future.set_result(all_pixels(band))
        except BaseException as error:
            future.set_exception(error)
            with self._lock:
                self._held.pop(id(band), None)
            raise
        with self._lock:
            self._let_go()

    def _let_go(self) -> None:
        """Forget the pixels that were not asked for longest, if there are too many."""
        sizes = {key: _held_bytes(future) for key, (_, future) in self._held.items()}
        total = sum(sizes.values())
        for key in list(self._held)[:-1]:
            if total <= self._most_bytes:
                return
            if sizes[key]:  # what is still being made is waited for
                del self._held[key]
                total -= sizes[key]


class Scene:
    """The assets of one evaluation.

    held: where pixels are kept; by default for this evaluation alone.
    """

    def __init__(self, lookup: Lookup, held: HeldPixels | None = None) -> None:
        self._lookup = lookup
        self._held = held or HeldPixels()

    def image(self, asset_id: str) -> Image:
        """Return an asset as an image; raises ExportRefused if it is none."""
        try:
            asset = self._lookup(asset_id)
        except KeyError as error:
            message = (
                f"Image.load: Image asset '{asset_id}' not found"
                " (does not exist or caller does not have access)."
            )
            raise ExportRefused(INVALID_ARGUMENT, message) from error
        if asset.type != "IMAGE":
            message = f"Image.load: Asset '{asset_id}' is not an Image."
            raise ExportRefused(INVALID_ARGUMENT, message)
        return Image(
            tuple(stored_band(band, partial(self._held.pixels, band)) for band in asset.bands)
        )

    def table(self, asset_id: str) -> Table:
        """Return an asset as a table; raises ExportRefused if it is none."""
        try:
            asset = self._lookup(asset_id)
        except KeyError as error:
            message = f"Collection.loadTable: Collection asset '{asset_id}' not found."
            raise ExportRefused(INVALID_ARGUMENT, message) from error
        if asset.features is None:
            message = f"Collection.loadTable: Asset '{asset_id}' is not a Collection."
            raise ExportRefused(INVALID_ARGUMENT, message)
        return Table(asset.features)


def _held_bytes(future: Future[Pixels]) -> int:
    return sum(array.nbytes for array in future.result()) if future.done() else 0
