"""An image on its way to disk: from answers to pieces, from pieces to files that are proved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from geesync.adapters.direct.pieces import Piece, found
from geesync.adapters.formats import cogs
from geesync.adapters.formats.npy import has_fractions, pixels, refuse_cut
from geesync.adapters.mirror_files.disk import Folder
from geesync.adapters.mirror_files.folders import Folders
from geesync.adapters.mirror_files.landing import make_durable, unproved
from geesync.domain.direct.readings import Reading
from geesync.domain.direct.rereading import chosen
from geesync.domain.mirror.checking import KeptFile
from geesync.domain.mirror.coverage import Tile
from geesync.domain.mirror.layout import PARTIAL, is_unfinished
from geesync.domain.mirror.vrt import Placed
from geesync.domain.tasks.exports import Part
from geesync.errors import Cause, RemoteError

if TYPE_CHECKING:
    from geesync.adapters.formats.gdal import Bands
    from geesync.adapters.formats.npy import Arrays


@dataclass(frozen=True)
class Ask:
    """One tile that is asked for."""

    reading: int  #: number of it
    tile: Tile


@dataclass(frozen=True)
class Target:
    """One file of an image: a part of its plan."""

    part: Part
    file: str  #: its final name
    token: str  #: in its names until it is proved; another for another plan


@dataclass(frozen=True)
class ImageJob:
    """One image that is to be read directly."""

    asset: str  #: canonical name
    revision: str
    path: str  #: its folder, relative to the mirror
    targets: tuple[Target, ...]
    readings: tuple[Reading, ...]
    compress: str  #: "deflate" or "zstd"
    share: float = 0.0  #: of its tiles are read a second time, 0 to 1
    image: str = ""  #: an expression as JSON text, in place of the asset's own pixels

    @property
    def size_bytes(self) -> int:
        """Bytes of all answers."""
        return sum(one.pixel_bytes * one.grid.pixels for one in self.readings)

    def again(self) -> list[Ask]:
        """Return the tiles that are to be read a second time."""
        return [
            Ask(number, tile)
            for number, reading in enumerate(self.readings)
            for tile in chosen(self.share, self.asset, self.revision, reading.shifted())
        ]

    def requests_left(self, place: Folder) -> int:
        """Return how many requests there may be for it yet, at most, by what is on disk."""
        pieces = found(place.names(), {one.token for one in self.targets})
        missing = sum(one.requests * len(one.parts) for one in self.readings) - len(pieces)
        return missing or len(self.again())


@dataclass
class ImageFiles:
    """What of an image is on disk. Its methods are for one thread at a time, but for ``store``."""

    job: ImageJob
    folders: Folders
    syncs: bool = True  #: each file as it is made; else who has them made does
    todo: list[Ask] = field(default_factory=list)  #: tiles that are not on disk
    crs: Mapping[str, str] = field(default_factory=dict)  #: as GDAL knows them, by the grids'
    answered: int = 0  #: how many of those to do have come
    fractional: set[str] | None = None
    """Bands with masks that are neither 0 nor 1 and become 1; None: not every tile was seen."""
    was_proved: bool = False  #: all of it is on disk, and was proved before
    _pieces: dict[str, str] = field(default_factory=dict)  #: by the beginnings of their names
    _done: dict[Part, KeptFile] = field(default_factory=dict)  #: files that are whole, by part

    def begin(self) -> None:
        """Find what is on disk of it, and so what is to be asked for; remove what is of no use."""
        with self._folder() as place:
            names = place.names()
            for one in self.job.targets:
                if (name := unproved(one.file, one.token)) in names:
                    self._done[one.part] = place.look(name)  # it was proved before it was named
            self.was_proved = len(self._done) == len(self.job.targets)
            self._pieces = found(names, {one.token for one in self.job.targets})
            whole = {kept.name for kept in self._done.values()}
            for name in set(names) - set(self._pieces.values()) - whole:
                if is_unfinished(name):
                    place.remove(name)
        self.todo = [
            Ask(number, tile)
            for number, reading in enumerate(self.job.readings)
            for tile in reading.tiles()
            if any(self._lacks(part, number, tile) for part in reading.parts)
        ]
        if len(self.todo) == sum(one.requests for one in self.job.readings):
            self.fractional = set()

    def _lacks(self, part: Part, number: int, tile: Tile) -> bool:
        one = self._piece(self._target(part), number, tile)
        return part not in self._done and one.beginning not in self._pieces

    def store(self, ask: Ask, arrays: Arrays) -> None:
        """Write what an answer holds. Raises RemoteError; MisfitError as ``pixels`` does."""
        import numpy as np  # noqa: PLC0415 # it takes longer to load than most commands to run

        reading = self.job.readings[ask.reading]
        with self._folder() as place:
            for part, wanted in reading.parts.items():
                if self.fractional is not None:
                    self.fractional |= {one.band for one in wanted if has_fractions(one, arrays)}
                if part not in self._done:
                    bands = np.stack([pixels(one, arrays) for one in wanted])
                    for one, held in zip(wanted, bands, strict=True):
                        refuse_cut(one, held)
                    self._store_piece(place, part, ask, bands)

    def _store_piece(self, place: Folder, part: Part, ask: Ask, bands: Bands) -> None:
        one = self._piece(self._target(part), ask.reading, ask.tile)
        name = one.name(cogs.digest(bands))
        if self._is_whole(part):
            content = cogs.cog(part, bands, self.job.compress, self._crs(part))
            place.write(name, content, durable=self.syncs)
        else:
            partial = one.name("coming")
            cogs.write_piece(place.path / partial, bands)
            self._sync(place, partial)
            place.rename(partial, name)
        self._pieces[one.beginning] = name

    def _is_whole(self, part: Part) -> bool:
        """Whether all of a part comes in one piece, which so can be its file."""
        readings = [one for one in self.job.readings if part in one.parts]
        return sum(one.requests for one in readings) == 1 and cogs.can_write_at_once(part)

    def finish(self) -> None:
        """Make the files of the pieces, and compare all that is on disk with what it must be.

        Raises RemoteError TRANSIENT if a piece is not any more what it was: it is removed.
        """
        with self._folder() as place:
            for target in self.job.targets:
                if target.part not in self._done:
                    self._done[target.part] = self._finish(place, target)

    def _finish(self, place: Folder, target: Target) -> KeptFile:
        part, pieces = target.part, dict(self._pieces_of(target))
        if self._is_whole(part):
            name = next(iter(pieces))
        else:
            name = f"{target.file}.{target.token}{PARTIAL}"
            self._join(place, part, pieces, name)
            self._sync(place, name)
        kept = place.look(name)  # before its pixels: these are what is compared from now on
        tiles = [(tile, numbers) for _, tile, numbers in pieces.values()]
        path, crs = place.path / name, self._crs(part)
        try:
            with closing(cogs.read_proved(path, part, self.job.compress, crs, tiles)) as read:
                for (piece_name, (one, _, _)), there in zip(pieces.items(), read, strict=True):
                    if cogs.digest(there) != one.digest(piece_name):
                        raise _rotten(target.file)
        except RemoteError:
            place.remove(name)
            self._remove_damaged(place, pieces)
            raise
        return kept

    def _sync(self, place: Folder, name: str) -> None:
        if self.syncs:
            make_durable(place, name)

    def _join(self, place: Folder, part: Part, pieces: Mapping[str, Any], name: str) -> None:
        placed = Placed(
            part,
            {piece_name: tile for piece_name, (_, tile, _) in pieces.items()},
            {
                piece_name: tuple(part.bands[number - 1] for number in numbers)
                for piece_name, (_, _, numbers) in pieces.items()
            },
        )
        try:
            cogs.join(place.path / name, placed, place.path, self.job.compress, self._crs(part))
        except RemoteError:
            if self._remove_damaged(place, pieces):
                raise _rotten(name) from None
            raise

    def _pieces_of(
        self, target: Target
    ) -> Iterator[tuple[str, tuple[Piece, Tile, tuple[int, ...]]]]:
        """Yield the pieces of a part: name, where it lies, its bands' numbers in the file."""
        part = target.part
        for number, reading in enumerate(self.job.readings):
            if part in reading.parts:
                bands = tuple(part.bands.index(one.band) + 1 for one in reading.parts[part])
                for tile in reading.tiles():
                    one = self._piece(target, number, tile)
                    yield self._pieces[one.beginning], (one, tile, bands)

    def _remove_damaged(self, place: Folder, pieces: Mapping[str, Any]) -> int:
        """Remove the pieces that are not what they were, so that they are asked for again."""
        removed = 0
        for name, (one, tile, bands) in pieces.items():
            whole = Tile(0, 0, tile.height, tile.width)
            with suppress(RemoteError):
                there = cogs.read(place.path / name, whole, tuple(range(1, len(bands) + 1)))
                if cogs.digest(there) == one.digest(name):
                    continue
            place.remove(name)
            removed += 1
        return removed

    def differs(self, ask: Ask, arrays: Arrays) -> str:
        """Return where an answer differs from the files, or nothing if it does not."""
        import numpy as np  # noqa: PLC0415 # likewise

        with self._folder() as place:
            for part, wanted in self.job.readings[ask.reading].parts.items():
                path = place.path / self._done[part].name
                # At once: an opening takes longer, the more bands there are.
                numbers = tuple(part.bands.index(one.band) + 1 for one in wanted)
                for one, there in zip(wanted, cogs.read(path, ask.tile, numbers), strict=True):
                    is_float = there.dtype.kind == "f"
                    if not np.array_equal(there, pixels(one, arrays), equal_nan=is_float):
                        return f"band {one.band} from row {ask.tile.row}, column {ask.tile.column}"
        return ""

    def discard(self) -> None:
        """Remove all that came: nothing of it is to be believed."""
        with self._folder() as place:
            for name in place.names():
                if is_unfinished(name):
                    place.remove(name)

    def kept(self) -> list[tuple[str, KeptFile]]:
        """Return each file's final name, and what it is now, under which name."""
        return [(one.file, self._done[one.part]) for one in self.job.targets]

    def _crs(self, part: Part) -> str:
        assert part.grid is not None
        return self.crs[part.grid.crs]

    def _target(self, part: Part) -> Target:
        return next(one for one in self.job.targets if one.part == part)

    def _piece(self, target: Target, number: int, tile: Tile) -> Piece:
        return Piece(target.file, target.token, number, tile)

    @contextmanager
    def _folder(self) -> Iterator[Folder]:
        with self.folders.folder(self.job.path, durable=False) as place:
            yield place


@dataclass
class Progress:
    """How far an image is."""

    number: int  #: of the job
    files: ImageFiles
    again: list[Ask] = field(default_factory=list)  #: tiles that are to be read a second time
    failure: Exception | None = None
    is_made: bool = False  #: all came, and its files are proved against it
    requests: int = 0
    answer_bytes: int = 0
    read_again: int = 0
    writing: set[Future[None]] = field(default_factory=set)  #: what is being done for it
    is_told: bool = False

    @property
    def is_settled(self) -> bool:
        """Whether nothing more is to be done for it."""
        if self.writing:
            return False
        return self.failure is not None or (self.is_made and self.read_again == len(self.again))


def _rotten(file: str) -> RemoteError:
    return RemoteError(Cause.TRANSIENT, f"{file} on disk is not what came")
