"""Compares what is on disk with what Earth Engine lists now; asks, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from geesync.domain.assets.asset import SourceAsset
from geesync.domain.assets.names import is_derived, is_within
from geesync.domain.choices.options import Options
from geesync.domain.mirror.checking import Verdict
from geesync.domain.mirror.lifecycle import State
from geesync.steps.discovery.account import Surveyed
from geesync.store.copies.checks import Checks, Scope
from geesync.store.ledger.ledger import LedgerAsset
from geesync.store.ledger.roots import Root, Roots

#: Returns pages of listed assets: root, options, top.
Survey = Callable[[str, Options, str], Iterator[list[Surveyed]]]


@dataclass(frozen=True)
class Difference:
    """An asset that Earth Engine has otherwise than the disk."""

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
    """What a survey showed, one byte an asset: a set of a million names would not be small."""

    def __init__(self, last_id: int) -> None:
        self._ids = bytearray(last_id + 1)
        self._closed: list[str] = []  # containers whose inside is not listed

    def note(self, one: Surveyed, asset: LedgerAsset | None) -> None:
        if asset is not None and asset.id < len(self._ids):
            self._ids[asset.id] = 1
        if (one.excluded or one.unreadable) and one.source.is_container:
            self._closed.append(one.source.name)

    def misses(self, asset: LedgerAsset) -> bool:
        """Whether the asset was there before the survey, and was looked for in vain."""
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
