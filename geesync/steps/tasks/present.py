"""What Earth Engine says of assets now; of what a job makes, by the image that it is made of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from geesync.adapters.earth_engine.earth_engine import EarthEngine
from geesync.domain.assets.asset import IMAGE_COLLECTION, SourceAsset
from geesync.domain.assets.names import is_derived, parent_of
from geesync.domain.derive.job import made_of
from geesync.steps.step import StepContext
from geesync.store.ledger.ledger import Ledger, LedgerAsset

#: So many, asked for one by one, take as long as a page of a thousand.
_WORTH_A_PAGE = 25


@dataclass(frozen=True)
class Present:
    """Asks Earth Engine."""

    ledger: Ledger
    earth_engine: EarthEngine

    def now(self, asset: LedgerAsset) -> SourceAsset:
        """Return an asset as it is now. Raises RemoteError."""
        if not is_derived(asset.name):
            return self.earth_engine.get_asset(asset.name)
        known = self.ledger.sources_of([asset])[asset.id]
        if known.derived is None:  # the collection of them
            return known
        return made_of(self.earth_engine.get_asset(known.derived["source"]), known)


@dataclass(frozen=True)
class Revisions:
    """Asks what assets are now: by listing their collection, where that takes fewer requests."""

    context: StepContext
    earth_engine: EarthEngine

    def changed(
        self, assets: Iterable[LedgerAsset]
    ) -> Iterator[tuple[LedgerAsset, SourceAsset | Exception]]:
        """Yield each asset that is not the same any more, with what it is now or a failure."""
        by_parent: dict[str, list[LedgerAsset]] = defaultdict(list)
        for asset in assets:
            by_parent[parent_of(asset.name)].append(asset)
        single: list[LedgerAsset] = []
        for parent, children in by_parent.items():
            listed = self._listed(parent, children)
            single += [child for child in children if listed.get(child.name) != child.revision]
        present = Present(self.context.ledger, self.earth_engine)
        for asset, now in self.context.each(single, present.now):
            if isinstance(now, Exception) or now.revision != asset.revision:
                yield asset, now

    def _listed(self, parent: str, children: list[LedgerAsset]) -> dict[str, str]:
        """Return the revisions of those children that are on the first pages of a collection."""
        if len(children) < _WORTH_A_PAGE or is_derived(parent):
            return {}
        above = self.context.ledger.find(parent)
        if above is None or above.type != IMAGE_COLLECTION:
            return {}
        wanted = {child.name for child in children}
        found: dict[str, str] = {}
        # Always from the first page: what a page shows may be as old as the token that asks for it.
        for page in islice(
            self.earth_engine.list_revisions(parent), len(children) // _WORTH_A_PAGE
        ):
            found |= page
            if wanted <= found.keys():
                break
        return found
