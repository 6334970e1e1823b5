"""What an expression can load: assets as images and tables, with the pixels held for a while."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from geesync.simulator.computing.images import Image, Pixels, all_pixels, stored_band
from geesync.simulator.computing.moments import read_moment
from geesync.simulator.profiles import CALM, Profile
from geesync.simulator.refusals import DEADLINE_EXCEEDED, INVALID_ARGUMENT, ExportRefused
from geesync.simulator.world.names import display_id
from geesync.simulator.world.pixels import Json, SimAsset, SimBand, SimFeature

#: Of an evaluation: members of lists and characters of texts that are made, and calls and elements
#: of collections, each as dear as some of those. What has more would take for ever.
MOST_STEPS = 1_000_000_000
MOST_STEPS_AT_ONCE = 10_000_000  #: while the caller waits
A_CALL = 10
HELD_BYTES = 64_000_000  #: of pixels that were made and may be asked for again


@dataclass(frozen=True)
class Collection:
    """A collection of images or of features; each call of ``elements`` begins anew."""

    elements: Callable[[], Iterator[Any]]
    properties: Mapping[str, Any] = field(default_factory=dict)
    id: str = ""  #: of the asset that it was loaded from
    type: str = "FeatureCollection"  #: or "ImageCollection", which may be empty, too

    def features(self) -> Iterator[SimFeature]:
        """Yield the rows; raises ExportRefused if an element is no feature."""
        for element in self.elements():
            if not isinstance(element, SimFeature):
                message = "A collection of features is needed, but it holds something else."
                raise ExportRefused(INVALID_ARGUMENT, message)
            yield element

    def images(self) -> Iterator[Image]:
        """Yield the images; raises ExportRefused if an element is none."""
        for element in self.elements():
            if not isinstance(element, Image):
                message = "A collection of images is needed, but it holds something else."
                raise ExportRefused(INVALID_ARGUMENT, message)
            yield element


class Library(Protocol):
    """The assets that an expression may load."""

    def lookup(self, asset_id: str) -> SimAsset:
        """Return the asset of an id or a name; raises KeyError if there is none."""

    def images(self, name: str) -> Iterator[SimAsset]:
        """Yield the images of a collection, by its name."""


class HeldPixels:
    """All pixels of the bands that were asked for last; thread-safe.

    Of several who ask for a band at once, one makes it and the others wait.
    """

    def __init__(self, most_bytes: int = HELD_BYTES) -> None:
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._total_bytes = 0
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
            self._total_bytes += _held_bytes(future)
            if self._total_bytes > self._most_bytes:
                self._let_go()

    def _let_go(self) -> None:
        """Forget the pixels that were not asked for longest, if there are too many."""
        for key, (_, future) in list(self._held.items())[:-1]:
            if self._total_bytes <= self._most_bytes:
                return
            if size_bytes := _held_bytes(future):  # what is still being made is waited for
                del self._held[key]
                self._total_bytes -= size_bytes


class Scene:
    """The assets of one evaluation.

    held: where pixels are kept for others, while the caller waits; by default for this evaluation
    alone. profile: how what Earth
    Engine's documentation leaves open is calculated.
    """

    def __init__(
        self, library: Library, held: HeldPixels | None = None, profile: Profile = CALM
    ) -> None:
        self.profile = profile
        self._left = MOST_STEPS if held is None else MOST_STEPS_AT_ONCE
        self._library = library
        self._held = held or HeldPixels()

    def spend(self, steps: int = A_CALL) -> None:
        """Count steps of the work; raises ExportRefused if there are more than can be done."""
        self._left -= steps
        if self._left < 0:
            raise ExportRefused(DEADLINE_EXCEEDED, "Computation timed out.")

    def image(self, asset_id: str) -> Image:
        """Return an asset as an image; raises ExportRefused if it is none."""
        try:
            asset = self._library.lookup(asset_id)
        except KeyError as error:
            message = (
                f"Image.load: Image asset '{asset_id}' not found"
                " (does not exist or caller does not have access)."
            )
            raise ExportRefused(INVALID_ARGUMENT, message) from error
        if asset.type != "IMAGE":
            message = f"Image.load: Asset '{asset_id}' is not an Image."
            raise ExportRefused(INVALID_ARGUMENT, message)
        return self._image(asset)

    def image_collection(self, asset_id: str) -> Collection:
        """Return an asset as a collection of images; raises ExportRefused if it is none."""
        try:
            asset = self._library.lookup(asset_id)
        except KeyError as error:
            message = (
                f"ImageCollection.load: ImageCollection asset '{asset_id}' not found"
                " (does not exist or caller does not have access)."
            )
            raise ExportRefused(INVALID_ARGUMENT, message) from error
        if asset.type != "IMAGE_COLLECTION":
            message = f"ImageCollection.load: Asset '{asset_id}' is not an ImageCollection."
            raise ExportRefused(INVALID_ARGUMENT, message)

        def elements() -> Iterator[Image]:
            return (self._image(image) for image in self._library.images(asset.name))

        return Collection(
            elements, asset_properties(asset), display_id(asset.name), "ImageCollection"
        )

    def _image(self, asset: SimAsset) -> Image:
        pixels = self._held.pixels
        bands = tuple(stored_band(band, partial(pixels, band)) for band in asset.bands)
        return Image(bands, asset_properties(asset), display_id(asset.name))

    def table(self, asset_id: str) -> Collection:
        """Return an asset as a table; raises ExportRefused if it is none."""
        try:
            asset = self._library.lookup(asset_id)
        except KeyError as error:
            message = f"Collection.loadTable: Collection asset '{asset_id}' not found."
            raise ExportRefused(INVALID_ARGUMENT, message) from error
        if asset.features is None:
            message = f"Collection.loadTable: Asset '{asset_id}' is not a Collection."
            raise ExportRefused(INVALID_ARGUMENT, message)
        return Collection(asset.features, asset_properties(asset), display_id(asset.name))


def _held_bytes(future: Future[Pixels]) -> int:
    return sum(array.nbytes for array in future.result()) if future.done() else 0


def asset_properties(asset: SimAsset) -> Json:
    """Return the properties of an asset with those that the service adds."""
    added: Json = {"system:index": asset.name.rpartition("/")[2]}
    for name, time in (("time_start", asset.start_time), ("time_end", asset.end_time)):
        if (moment := read_moment(time)) is not None:
            added[f"system:{name}"] = int(moment.millis)
    if asset.geometry and asset.geometry.get("type") == "Polygon":
        ring = asset.geometry["coordinates"][0]
        added["system:footprint"] = {"type": "LinearRing", "coordinates": ring}
    if asset.size_bytes:
        added["system:asset_size"] = asset.size_bytes
    return {**asset.properties, **added}
