"""What operations have made: kept aside until they end, then shown or thrown away."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from geesync.simulator.profiles import Profile
from geesync.simulator.refusals import INVALID_ARGUMENT, CallRefused, ExportRefused
from geesync.simulator.world.asset_quota import check_quota
from geesync.simulator.world.pixels import SimAsset
from geesync.simulator.world.world import World

CONTENT_TYPES = {
    ".tif": "image/tiff",
    ".csv": "text/csv",
    ".geojson": "application/geo+json",
    ".json": "application/json",
}
BINARY = "application/octet-stream"


@dataclass(frozen=True)
class NewAsset:
    """An asset that an export or an import has made."""

    profile: Profile
    world: World
    asset: SimAsset
    overwrite: bool

    def publish_some(self) -> None:
        """Do nothing: an asset is there or not."""

    def publish(self) -> None:
        """Put it into the account; raises ExportRefused if that may not be."""
        try:
            check_quota(self.profile, self.world, self.asset)
            self.world.put(self.asset, overwrite=self.overwrite)
        except CallRefused as refusal:
            raise ExportRefused(INVALID_ARGUMENT, refusal.message) from refusal

    def drop(self) -> None:
        """Do nothing: it is nowhere yet."""


#: Writes (bucket or folder, name there, file, MIME type); raises ExportRefused if it may not.
Write = Callable[[str, str, Path, str], None]


@dataclass(frozen=True)
class _Object:
    place: str
    name: str
    file: Path


class Spool:
    """The files of a running export; all their names begin with ``stem``."""

    _numbers = itertools.count()

    def __init__(self, folder: Path, write: Write) -> None:
        self._write_one = write
        self.stem = folder / f"{next(self._numbers):09d}"
        self._objects: list[_Object] = []

    def add(self, place: str, name: str, file: Path) -> None:
        """Note a file that is to become an object."""
        self._objects.append(_Object(place, name, file))

    def publish_some(self) -> None:
        """Write every second object; raises ExportRefused if that may not be."""
        early, self._objects = self._objects[1::2], self._objects[::2]
        try:
            self._write(early)
        except ExportRefused:
            self.drop()
            raise

    def publish(self) -> None:
        """Write the objects; raises ExportRefused if that may not be."""
        try:
            self._write(self._objects)
        finally:
            self.drop()

    def _write(self, objects: list[_Object]) -> None:
        for item in objects:
            kind = CONTENT_TYPES.get(Path(item.name).suffix, BINARY)
            self._write_one(item.place, item.name, item.file, kind)

    def drop(self) -> None:
        """Forget the files."""
        folder = self.stem.parent
        for name in os.listdir(folder):  # noqa: PTH208 - a pattern of its own takes longer to make
            if name.startswith(self.stem.name):
                (folder / name).unlink(missing_ok=True)
