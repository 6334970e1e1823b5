"""Which files that other scripts exported are whose, by the names that they gave them.

A script that mirrored a folder has ``users/x/img/img.tif`` for ``users/x/img``, or its tiles. What
went through a Drive lies in one folder as ``img.tif`` or ``img-0000000000-0000000000.tif``, and a
JSON tells what was known of each. A name is a guess only: pixels are compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from geesync.domain.assets.asset import SourceAsset
from geesync.domain.assets.names import display_id
from geesync.domain.json import Json, from_millis
from geesync.domain.mirror.coverage import is_file_of

#: Beside where an image was to come, until it had.
NOT_DONE = ".notDone.txt"

#: What such a JSON calls the first moment of an image, in milliseconds since 1970.
_TIMES = ("system:time_start", "date_deb")


class UnfitError(Exception):
    """Files that are not an asset's, or not all of it; says why."""


@dataclass(frozen=True)
class OlderExports:
    """What other scripts left in a folder."""

    folder: Path  #: absolute
    files: Mapping[Path, Sequence[str]]  #: names of GeoTIFFs, by their folder
    metadata_of: Mapping[str, Json]  #: what a JSON tells of assets, by their ids
    not_done: frozenset[str]  #: ids, or ends of ids, of what the scripts had yet to bring

    def of(self, source: SourceAsset, root: str) -> Iterator[list[Path]]:
        """Yield what may be the files of an asset, the likeliest first.

        Raises UnfitError if there are none, or if the JSON tells that they are another's.
        """
        asset_id, below = display_id(source.name), source.name.removeprefix(f"{root}/")
        last = asset_id.rpartition("/")[2]
        own: list[list[Path]] = []
        loose: list[list[Path]] = []
        for place, names in self.files.items():
            found = [place / name for name in names if is_file_of(last, name)]
            is_own = str(place).endswith(f"/{asset_id}") or place == self.folder / below
            if found and (is_own or place.name != last):
                (own if is_own else loose).append(found)
        if not own and not loose:
            raise UnfitError(self._why_none(asset_id))
        if loose:
            self._compare(source, asset_id, last)
        yield from (*own, *loose)

    def _why_none(self, asset_id: str) -> str:
        if any(f"/{asset_id}".endswith(f"/{end}") for end in self.not_done):
            return "no file: those scripts had not brought it either"
        return "no file"

    def _compare(self, source: SourceAsset, asset_id: str, last: str) -> None:
        """Raise UnfitError if a JSON tells of other assets of this name, or of another time."""
        namesakes = [other for other in self.metadata_of if other.rpartition("/")[2] == last]
        if namesakes and asset_id not in namesakes:
            raise UnfitError(f"its files are those of {', '.join(sorted(namesakes))}")
        metadata = self.metadata_of.get(asset_id, {})
        times = (metadata[key] for key in _TIMES if isinstance(metadata.get(key), int | float))
        then, now = next(map(from_millis, times), None), source.json.get("startTime")
        if then and now and datetime.fromisoformat(now) != then:
            raise UnfitError(f"its files are of {then:%Y-%m-%d %H:%M:%S}, it is of {now}")
