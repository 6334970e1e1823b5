"""What an expression can load: assets as images and tables, with the pixels held for a while."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

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


class Scene:
    """The assets of one evaluation. Not thread-safe: each export has its own."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._held: OrderedDict[int, tuple[SimBand, Pixels]] = OrderedDict()

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
        return Image(tuple(stored_band(band, self._loader(band)) for band in asset.bands))

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

    def _loader(self, band: SimBand) -> Callable[[], Pixels]:
        def load() -> Pixels:
            if id(band) not in self._held:
                self._held[id(band)] = band, all_pixels(band)
            self._held.move_to_end(id(band))
            self._let_go()
            return self._held[id(band)][1]

        return load

    def _let_go(self) -> None:
        """Forget the pixels that were not asked for longest, if there are too many."""
        while len(self._held) > 1 and sum(map(_held_bytes, self._held.values())) > HELD_BYTES:
            self._held.popitem(last=False)


def _held_bytes(entry: tuple[SimBand, Pixels]) -> int:
    return sum(array.nbytes for array in entry[1])
