"""Compares what is on disk with what the ledger says, and sends back what is bad.

Not one of the daemon's steps: it runs when a person asks, beside a daemon or without one, and never
deletes. Only assets whose proved files are on disk are checked; the others are still on their way.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from geesync.adapters.mirror_files.disk import Folder
from geesync.adapters.mirror_files.folders import folder
from geesync.adapters.mirror_files.salvage import entries, move_aside
from geesync.domain.mirror.checking import Flaw, KeptFile, Verdict, compare, worst
from geesync.domain.mirror.lifecycle import State
from geesync.errors import MirrorError
from geesync.steps.step import Workshop
from geesync.store.copies.checks import Checks, Scope
from geesync.store.ledger.ledger import LedgerAsset
from geesync.store.ledger.roots import Roots

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

    workshop: Workshop
    checks: Checks
    roots: Roots

    def sizes(self, scope: Scope) -> Iterator[CheckedCopy]:
        """Yield a finding for each asset, by presence and size of its files."""
        for page in self.checks.pages(scope):
            yield from self._inspect(page, read_data=False)

    def data(self, scope: Scope, *, since: datetime) -> Iterator[CheckedCopy]:
        """Yield a finding for each asset of which not every byte was read since; reads them.

        Assets that were never read come first, then those whose last reading is oldest. Those that
        are sound are noted as read, so that a run that is stopped at any moment loses little.
        """
        for page in self.checks.stale_pages(scope, since):
            for chunk in _chunks(page):
                findings = self._inspect(chunk, read_data=True)
                sound = [one.asset.id for one in findings if not one.flaws]
                self.checks.note_read(sound, self.workshop.clock())
                yield from findings

    def read(self, assets: list[LedgerAsset]) -> list[CheckedCopy]:
        """Read every byte of some assets now; return a finding for each."""
        return self._inspect(assets, read_data=True)

    def begin(self, scope: Scope) -> datetime:
        """Return when the reading of this scope began: now, or earlier if it was not finished."""
        told = json.loads(self.roots.get(_READING) or "{}")
        if told.get("scope") == (scope.name or "") and told.get("began"):
            return datetime.fromisoformat(told["began"])
        now = self.workshop.clock()
        self._remember(scope, now.isoformat())
        return now

    def finish(self, scope: Scope) -> None:
        """Note that all of the scope was read; the next reading begins anew."""
        self._remember(scope, "")

    def _remember(self, scope: Scope, began: str) -> None:
        told = json.dumps({"scope": scope.name or "", "began": began})
        self.roots.put(_READING, told, self.workshop.clock())

    def _inspect(self, page: list[LedgerAsset], *, read_data: bool) -> list[CheckedCopy]:
        kept = self.checks.kept([asset.id for asset in page])
        answers = self.workshop.each(
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

    def repair(self, finding: CheckedCopy) -> str:
        """Move an asset's bad files aside and have them fetched again; return what was done.

        Files that could not be read stay where they are: the disk may be at fault, not they.
        """
        asset = finding.asset
        if asset.standing.state == State.GONE:
            return "not mended: it is gone upstream, this is the only copy"
        bad = [flaw for flaw in finding.flaws if flaw.verdict in _MENDABLE and flaw.file]
        if not bad:
            return "not mended"
        reason = "; ".join(str(flaw) for flaw in bad)
        altered = [flaw.file for flaw in bad if flaw.verdict == Verdict.DIFFERS]
        aside = move_aside(Path(asset.dest), asset.path, altered, self.workshop.clock())
        now = self.workshop.clock()
        if not self.checks.send_back(asset, {flaw.file for flaw in bad}, reason, now):
            return "not mended: it is on its way again"
        return f"fetched again; the old file is in {aside}" if aside else "fetched again"

    def unknown(self, dest: Path, top: str) -> Iterator[str]:
        """Yield paths in a mirror that are no asset's: files, and folders as a whole.

        Folders of assets that are on their way are not judged.
        """
        waiting = [top]
        while waiting:
            path = waiting.pop()
            for page in _pages(entries(dest, path)):
                strange, inner = self._sort(dest, path, dict(page))
                yield from (f"{dest}/{one}" for one in strange)
                waiting += inner

    def _sort(self, dest: Path, path: str, page: dict[str, bool]) -> tuple[list[str], list[str]]:
        """Return what is unknown of a folder's entries, and the folders to look into."""
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
        strange = [one for one in folders if one not in inner and not _is_ours(one)]
        strange += [one for one in files if not _is_known(one.rpartition("/")[2], known)]
        return strange, inner


_MENDABLE = (Verdict.DIFFERS, Verdict.MISSING)

#: The catalogue of the mirror as a whole.
_TOP = "catalog.json"

#: Older copies of an asset, in its folder.
_VERSIONS = ".versions"

#: What QGIS and everything else that reads by GDAL notes beside a file that it has opened.
_READERS_NOTES = ".aux.xml"

_CHUNK = 50


def _chunks(assets: list[LedgerAsset]) -> Iterator[list[LedgerAsset]]:
    for start in range(0, len(assets), _CHUNK):
        yield assets[start : start + _CHUNK]


def _pages(found: Iterable[tuple[str, bool]]) -> Iterator[list[tuple[str, bool]]]:
    page: list[tuple[str, bool]] = []
    for one in found:
        page.append(one)
        if len(page) == _CHUNK:
            yield page
            page = []
    yield page


def _is_ours(path: str) -> bool:
    return path.rpartition("/")[2] == _VERSIONS


def _is_known(name: str, known: Collection[str]) -> bool:
    return name in known or name.removesuffix(_READERS_NOTES) in known


def _flaws(asset: LedgerAsset, kept: list[KeptFile], *, read_data: bool) -> tuple[Flaw, ...]:
    try:
        with folder(Path(asset.dest), asset.path, create=False) as place:
            look = partial(_flaw, place, read_data=read_data)
            return tuple(flaw for file in kept if (flaw := look(file)))
    except FileNotFoundError:
        return tuple(flaw for file in kept if (flaw := compare(file, None, None)))


def _flaw(place: Folder, file: KeptFile, *, read_data: bool) -> Flaw | None:
    try:
        size_bytes = place.size_of(file.name)
        same_size = size_bytes == file.size_bytes
        crc32c = place.checksum(file.name) if read_data and same_size else None
        return compare(file, size_bytes, crc32c)
    except OSError as error:
        return Flaw(Verdict.ERROR, file.name, error.strerror or str(error))
