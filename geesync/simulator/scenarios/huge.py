"""A scenario of very many small images, of which none is in memory."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from geesync.simulator.scenarios.landscape import make_band, seed_of
from geesync.simulator.world.pixels import Json, SimAsset, SimGrid

EDGE = 8  #: pixels
PIXEL_DEG = 0.001
PROJECT = "demo-project"
ROOT = f"projects/{PROJECT}/assets"
FOLDER = f"{ROOT}/archive"
BEGINNING = datetime(2015, 1, 1)  # noqa: DTZ001 - in UTC; the texts made of it say so


class Huge:
    """``images`` images in collections of ``per_collection``, all below one folder.

    ``…/archive/c0007/i000123`` is image 123 of collection 7.
    """

    def __init__(self, name: str, *, images: int, per_collection: int) -> None:
        self.name = name
        self.project = PROJECT
        self.roots: Sequence[str] = (ROOT,)
        self._images = images
        self._per_collection = per_collection
        self._collections = -(-images // per_collection)

    def find(self, name: str) -> SimAsset | None:
        """Return the asset of this name, made anew at each call."""
        if name in (ROOT, FOLDER):
            return SimAsset(name=name, type="FOLDER", update_time=_stamp(0))
        position = self._position(name)
        if position is None:
            return None
        collection, image = position
        number = collection * self._per_collection + (image or 0)
        if image is None:
            return SimAsset(name=name, type="IMAGE_COLLECTION", update_time=_stamp(number))
        return _image(name, number)

    def children(self, parent: str) -> Sequence[str]:
        """Return the names directly below a container."""
        if parent == ROOT:
            return (FOLDER,)
        if parent == FOLDER:
            return [f"{FOLDER}/c{number:04d}" for number in range(self._collections)]
        position = self._position(parent)
        if position is None or position[1] is not None:
            return ()
        return [f"{parent}/i{number:06d}" for number in range(self._count(position[0]))]

    def _count(self, collection: int) -> int:
        return min(self._per_collection, self._images - collection * self._per_collection)

    def _position(self, name: str) -> tuple[int, int | None] | None:
        """Return the (collection, image) that a name stands for; image None = the whole."""
        if not name.startswith(f"{FOLDER}/c"):
            return None
        first, slash, second = name.removeprefix(f"{FOLDER}/c").partition("/i")
        if not first.isdecimal() or f"{int(first):04d}" != first:
            return None
        collection = int(first)
        if collection >= self._collections:
            return None
        if not slash:
            return collection, None
        if not second.isdecimal() or f"{int(second):06d}" != second:
            return None
        image = int(second)
        return (collection, image) if image < self._count(collection) else None


def _stamp(number: int) -> str:
    return (BEGINNING + timedelta(minutes=number)).isoformat() + "Z"


def _outline(west: float, north: float) -> Json:
    """Return a footprint without what is costly about others: this runs a million times."""
    east, south = round(west + EDGE * PIXEL_DEG, 6), round(north - EDGE * PIXEL_DEG, 6)
    west, north = round(west, 6), round(north, 6)
    corners = [[west, north], [west, south], [east, south], [east, north], [west, north]]
    return {"type": "Polygon", "coordinates": [corners]}


def _image(name: str, number: int) -> SimAsset:
    west, north = -179 + (number * 0.37) % 350, 80 - (number * 0.11) % 155
    transform = (PIXEL_DEG, 0.0, round(west, 6), 0.0, -PIXEL_DEG, round(north, 6))
    grid = SimGrid("EPSG:4326", transform, EDGE, EDGE)
    return SimAsset(
        name=name,
        type="IMAGE",
        update_time=_stamp(number),
        start_time=_stamp(number),
        end_time=_stamp(number + 1),
        properties={"number": number},
        geometry=_outline(west, north),
        bands=(make_band("b1", grid, "uint8", seed=seed_of(number)),),
        size_bytes=EDGE * EDGE,
    )
