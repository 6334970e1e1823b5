"""Compares what is on disk with what Earth Engine has now; asks, and changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from geesync.domain.assets.asset import IMAGE, SourceAsset
from geesync.domain.assets.names import is_derived, is_within
from geesync.domain.choices.options import Options
from geesync.domain.direct.readings import TooLargeError
from geesync.domain.messages.words import counted
from geesync.domain.mirror.checking import Verdict
from geesync.domain.mirror.layout import GEESYNC_JSON
from geesync.domain.mirror.lifecycle import State
from geesync.errors import RemoteError
from geesync.steps.discovery.account import Surveyed
from geesync.store.copies.checks import Checks, Scope
from geesync.store.ledger.ledger import LedgerAsset
from geesync.store.ledger.roots import Root, Roots

if TYPE_CHECKING:
    from geesync.adapters.direct.source import Source

#: Returns pages of listed assets: root, options, top.
Survey = Callable[[str, Options, str], Iterator[list[Surveyed]]]


@dataclass(frozen=True)
class Difference:
    """An asset that differs between Earth Engine and the disk."""

    verdict: Verdict
    name: str  #: canonical
    type: str
    what: str


@dataclass
class Comparer:
    """Compares roots with their listings."""

    survey: Survey
    checks: Checks
    roots: Roots
    options: Options  #: of roots that chose nothing else
    get: Callable[[str], SourceAsset]  #: what an asset itself tells; a listing may differ

    def differences(self, scope: Scope) -> Iterator[Difference]:
        """Yield what is new, changed or absent at Earth Engine against the verified copies.

        What is on its way is no difference, nor what a filter leaves out. Raises RemoteError if a
        listing breaks.
        """
        for root in (root for root in self.roots.active() if not is_derived(root.name)):
            top = scope.name or root.name
            if is_within(root.name, top):
                top = root.name
            if is_within(top, root.name):
                yield from self._compare(root, top)

    def _compare(self, root: Root, top: str) -> Iterator[Difference]:
        seen = _Seen(self.checks.last_id())
        for page in self.survey(root.name, self.options.over(root.options), top):
            known = self.checks.named([one.source.name for one in page])
            for one in page:
                asset = known.get(one.source.name)
                seen.note(one, asset)
                difference = None if one.excluded else _difference(one, asset)
                if difference and difference.verdict == Verdict.DIFFERS:
                    difference = _difference(Surveyed(self.get(one.source.name)), asset)
                if difference:
                    yield difference
        for assets in self.checks.pages(Scope(top)):
            for asset in assets:
                if asset.root_id == root.id and seen.misses(asset):
                    what = "not at Earth Engine any more; the copy is kept"
                    yield Difference(Verdict.UNKNOWN, asset.name, asset.type, what)


class _Seen:
    """Which assets a survey found: one byte each, where a set of names would be large."""

    def __init__(self, last_id: int) -> None:
        self._ids = bytearray(last_id + 1)
        self._closed: list[str] = []  # containers whose inside is not listed

    def note(self, one: Surveyed, asset: LedgerAsset | None) -> None:
        if asset is not None and asset.id < len(self._ids):
            self._ids[asset.id] = 1
        if (one.excluded or one.unreadable) and one.source.is_container:
            self._closed.append(one.source.name)

    def misses(self, asset: LedgerAsset) -> bool:
        """Whether the asset was known before the survey, and was not found by it."""
        return (
            asset.standing.state == State.VERIFIED
            and self._ids[asset.id : asset.id + 1] == b"\0"
            and not any(is_within(asset.name, container) for container in self._closed)
        )


def _difference(one: Surveyed, asset: LedgerAsset | None) -> Difference | None:
    source = one.source
    if one.unreadable:
        what = f"Earth Engine lists it, and does not let it be read: {one.unreadable}"
        return Difference(Verdict.ERROR, source.name, source.type, what)
    if asset is None:
        what = "new at Earth Engine; the next scan finds it"
        return Difference(Verdict.MISSING, source.name, source.type, what)
    if asset.standing.state == State.VERIFIED and asset.revision != source.revision:
        what = f"Earth Engine has revision {source.revision}, the copy is of {asset.revision}"
        return Difference(Verdict.DIFFERS, source.name, source.type, what)
    return None


@dataclass
class PixelComparer:
    """Reads a share of the pixels of images again; changes nothing."""

    source: Source
    checks: Checks
    get: Callable[[LedgerAsset], SourceAsset]  #: what Earth Engine says of an asset now
    share: float  #: of an image's pixels, 0 to 1
    seed: str  #: another one draws other pixels

    def differences(self, scope: Scope) -> Iterator[Difference | None]:
        """Yield for each verified image how it differs; its verdict is "sound" if it does not.

        None for each other asset. Raises RemoteError where the world does not answer.
        """
        for assets in self.checks.pages(scope):
            for asset in assets:
                is_compared = asset.type == IMAGE and asset.standing.state == State.VERIFIED
                yield self._difference(asset) if is_compared else None

    def _difference(self, asset: LedgerAsset) -> Difference:
        try:
            what = self._compared(asset)
            verdict = Verdict.DIFFERS if what else Verdict.SOUND
        except RemoteError as error:
            if error.costs_time_only:
                raise
            what, verdict = f"its pixels cannot be compared: {error}", Verdict.ERROR
        except (OSError, ValueError, LookupError, TooLargeError) as error:
            what, verdict = f"its pixels cannot be compared: {error!r}", Verdict.ERROR
        return Difference(verdict, asset.name, asset.type, what)

    def _compared(self, asset: LedgerAsset) -> str:
        """Return how an image differs, "" if it does not."""
        from geesync.adapters.direct.comparing import compare_pixels  # noqa: PLC0415 # GDAL: late

        there = self.get(asset)
        if there.revision != asset.revision:
            return ""  # the comparison of revisions names it
        folder = Path(asset.dest) / asset.path
        sidecar = json.loads((folder / GEESYNC_JSON).read_bytes())
        found = compare_pixels(
            self.source, there, folder, sidecar, share=self.share, seed=self.seed
        )
        if (now := self.get(asset).revision) != asset.revision:
            return f"it changed while it was read: Earth Engine has revision {now}"
        differences = [
            f"band {band}: {counted(count, 'pixel')}" for band, count in found.items() if count
        ]
        return (
            f"other pixels than Earth Engine has: {', '.join(differences)}" if differences else ""
        )
