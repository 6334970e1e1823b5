"""Compares what is on disk with what the ledger says.

Not one of the daemon's steps: it runs when a person asks, beside a daemon or without one, and never
deletes. Only assets whose proved files are on disk are checked; the others are still on their way.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from geesync.adapters.mirror_files.disk import Folder
from geesync.adapters.mirror_files.folders import folder
from geesync.adapters.mirror_files.salvage import entries
from geesync.domain.mirror.checking import Flaw, KeptFile, Verdict, compare, worst
from geesync.domain.mirror.layout import VERSIONS
from geesync.domain.stac import links as stac_links
from geesync.errors import MirrorError
from geesync.steps.step import StepContext
from geesync.store.copies.checks import Checks, Scope
from geesync.store.ledger.ledger import LedgerAsset
from geesync.store.ledger.roots import Roots

Item = TypeVar("Item")

#: Where an unfinished reading of everything is remembered.
_READING = "check"


@dataclass(frozen=True)
class CheckedCopy:
    """What a check says of one asset."""

    asset: LedgerAsset
    flaws: tuple[Flaw, ...]
    is_metadata_only: bool = False  #: it has no file but those that describe it

    @property
    def verdict(self) -> Verdict:
        """The worst that was found."""
        return worst(self.flaws)


@dataclass
class Checker:
    """Checks the mirrors of one ledger."""

    context: StepContext
    checks: Checks
    roots: Roots

    def sizes(self, scope: Scope) -> Iterator[CheckedCopy]:
        """Yield a finding for each asset, by presence and size of its files."""
        for page in self.checks.pages(scope):
            yield from self._inspect(page, read_data=False)

    def data(self, scope: Scope, *, since: datetime, guarded: bool = True) -> Iterator[CheckedCopy]:
        """Yield a finding for each asset of which not every byte was read since; reads them.

        Assets that were never read come first, then those whose last reading is oldest; guarded:
        before all of them those that were freed. Those that are sound are noted as read, so that a
        run that is stopped at any moment loses little.
        """
        for page in self.checks.stale_pages(scope, since, guarded=guarded):
            for chunk in _chunks(page):
                findings = self._inspect(chunk, read_data=True)
                sound = [finding.asset.id for finding in findings if not finding.flaws]
                self.checks.note_read(sound, self.context.clock())
                yield from findings

    def read(self, assets: list[LedgerAsset]) -> list[CheckedCopy]:
        """Read every byte of some assets now; return a finding for each."""
        return self._inspect(assets, read_data=True)

    def begin(self, scope: Scope) -> datetime:
        """Return when the reading of this scope began: now, or earlier if it was not finished."""
        noted = json.loads(self.roots.get(_READING) or "{}")
        if noted.get("scope") == (scope.name or "") and noted.get("began"):
            return datetime.fromisoformat(noted["began"])
        now = self.context.clock()
        self._remember(scope, now.isoformat())
        return now

    def finish(self, scope: Scope) -> None:
        """Note that all of the scope was read; the next reading begins anew."""
        self._remember(scope, "")

    def _remember(self, scope: Scope, began: str) -> None:
        noted = json.dumps({"scope": scope.name or "", "began": began})
        self.roots.put(_READING, noted, self.context.clock())

    def _inspect(self, page: list[LedgerAsset], *, read_data: bool) -> list[CheckedCopy]:
        for dest in {asset.dest for asset in page}:
            self._require(dest)
        kept = self.checks.kept([asset.id for asset in page])
        answers = self.context.each(
            page, lambda asset: self._look(asset, kept.get(asset.id, []), read_data=read_data)
        )
        findings = []
        for asset, answer in answers:
            if isinstance(answer, MirrorError):
                raise answer  # its disk is not mounted: not one asset of it is missing
            flaws = (
                (Flaw(Verdict.ERROR, "", str(answer)),) if isinstance(answer, Exception) else answer
            )
            bare = all(file.name.endswith(".json") for file in kept.get(asset.id, []))
            findings.append(CheckedCopy(asset, flaws, bare and not asset.is_container))
        return findings

    def _require(self, dest: str) -> None:
        """Raise MirrorError if a folder is not the ledger's mirror: nothing of it is missing."""
        if trouble := self.context.mirror_trouble(dest):
            raise MirrorError(trouble)

    def _look(
        self, asset: LedgerAsset, kept: list[KeptFile], *, read_data: bool
    ) -> tuple[Flaw, ...]:
        flaws = _flaws(asset, kept, read_data=read_data)
        if flaws:
            # The daemon may have written between our two looks: the ledger is asked again.
            flaws = _flaws(
                asset, self.checks.kept([asset.id]).get(asset.id, []), read_data=read_data
            )
        return flaws

    def top(self, dest: str, *, read_data: bool) -> Flaw | None:
        """Return what is wrong with the document in which a mirror's catalogue begins."""
        file = self.checks.top(dest)
        if file is None:
            return None
        with folder(Path(dest), stac_links.TOP.path, create=False) as place:
            return _flaw(place, file, read_data=read_data)

    def unknown(self, dest: Path, top: str) -> Iterator[str]:
        """Yield paths in a mirror that are no asset's: files, and folders as a whole.

        Folders of assets that are on their way are not judged.
        """
        self._require(str(dest))
        waiting = [top]
        while waiting:
            path = waiting.pop()
            for page in _chunks(entries(dest, path)):
                strange, inner = self._sort(dest, path, dict(page))
                yield from (f"{dest}/{one}" for one in strange)
                waiting += inner

    def _sort(self, dest: Path, path: str, page: dict[str, bool]) -> tuple[list[str], list[str]]:
        """Return what is unknown of a folder's entries, and the folders to look into."""
        if f"/{VERSIONS}" in path:
            return self._sort_versions(dest, path, page)
        below = {f"{path}/{name}".lstrip("/"): is_folder for name, is_folder in page.items()}
        folders = [inner for inner, is_folder in below.items() if is_folder]
        files = [inner for inner, is_folder in below.items() if not is_folder]
        assets = self.checks.paths(str(dest), folders)
        inner = [
            one for one in folders if one in assets or self.checks.is_on_the_way(str(dest), one)
        ]
        known = self.checks.known_names(str(dest), path) if path else {_TOP}
        if known is None:
            return [], inner
        if any("/" in name for name in known):  # of older copies
            inner += [one for one in folders if one.endswith(f"/{VERSIONS}")]
        strange = [one for one in folders if one not in inner]
        strange += [file for file in files if not _is_known(file.rpartition("/")[2], known)]
        return strange, inner

    def _sort_versions(
        self, dest: Path, path: str, page: dict[str, bool]
    ) -> tuple[list[str], list[str]]:
        """Do the same in the folder of an asset's older copies, or of one of them."""
        asset, _, inside = path.partition(f"/{VERSIONS}")
        known = self.checks.known_names(str(dest), asset) or set()
        here = f"{VERSIONS}{inside}"
        folders = {name.rpartition("/")[0] for name in known}
        strange = [
            f"{path}/{name}"
            for name, is_folder in page.items()
            if not (
                f"{here}/{name}" in folders if is_folder else _is_known(f"{here}/{name}", known)
            )
        ]
        inner = [f"{path}/{name}" for name, is_folder in page.items() if is_folder]
        return strange, [one for one in inner if one not in strange]


#: The catalogue of the mirror as a whole.
_TOP = stac_links.TOP.document

#: What QGIS and everything else that reads by GDAL notes beside a file that it has opened.
_READERS_NOTES = ".aux.xml"

_CHUNK = 50


def _chunks(found: Iterable[Item]) -> Iterator[list[Item]]:
    left = iter(found)
    while chunk := list(islice(left, _CHUNK)):
        yield chunk


def _is_known(name: str, known: Collection[str]) -> bool:
    return name in known or name.removesuffix(_READERS_NOTES) in known


def _flaws(asset: LedgerAsset, kept: list[KeptFile], *, read_data: bool) -> tuple[Flaw, ...]:
    by_folder: dict[str, list[KeptFile]] = defaultdict(list)
    for file in kept:
        inner = file.name.rpartition("/")[0]
        by_folder[f"{asset.path}/{inner}".rstrip("/")].append(file)
    return tuple(
        flaw
        for path, files in by_folder.items()
        for flaw in _flaws_in(Path(asset.dest), path, files, read_data=read_data)
    )


def _flaws_in(dest: Path, path: str, files: list[KeptFile], *, read_data: bool) -> list[Flaw]:
    try:
        with folder(dest, path, create=False) as place:
            look = partial(_flaw, place, read_data=read_data)
            return [flaw for file in files if (flaw := look(file))]
    except FileNotFoundError:
        return [flaw for file in files if (flaw := compare(file, None, None))]


def _flaw(place: Folder, file: KeptFile, *, read_data: bool) -> Flaw | None:
    name = file.name.rpartition("/")[2]
    try:
        size_bytes = place.size_of(name)
        same_size = size_bytes == file.size_bytes
        crc32c = place.checksum(name) if read_data and same_size else None
        return compare(file, size_bytes, crc32c)
    except OSError as error:
        return Flaw(Verdict.ERROR, file.name, error.strerror or str(error))
