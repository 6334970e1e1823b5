"""Which revision assets have now: by listing their collection, where that takes fewer requests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from geesync.adapters.earth_engine.earth_engine import EarthEngine
from geesync.domain.assets.asset import IMAGE_COLLECTION, SourceAsset
from geesync.domain.assets.names import is_derived
from geesync.steps.step import Workshop
from geesync.steps.tasks.present import Present
from geesync.store.ledger.ledger import LedgerAsset

#: Fewer are asked for one by one.
_WORTH_A_PAGE = 8


@dataclass(frozen=True)
class Revisions:
    """Asks Earth Engine what assets are now."""

    workshop: Workshop
    earth_engine: EarthEngine

    def now(
        self, assets: Iterable[LedgerAsset]
    ) -> Iterator[tuple[LedgerAsset, SourceAsset | Exception]]:
        """Yield each asset with what Earth Engine says of it, or why it does not."""
        by_parent: dict[str, list[LedgerAsset]] = defaultdict(list)
        for asset in assets:
            by_parent[asset.name.rpartition("/")[0]].append(asset)
        single: list[LedgerAsset] = []
        for parent, children in by_parent.items():
            listed = self._listed(parent, children)
            yield from ((one, listed[one.name]) for one in children if one.name in listed)
            single += [one for one in children if one.name not in listed]
        present = Present(self.workshop.ledger, self.earth_engine)
        yield from self.workshop.each(single, present.now)

    def _listed(self, parent: str, children: list[LedgerAsset]) -> dict[str, SourceAsset]:
        """Return those children that the first pages of a collection tell; images come complete."""
        if len(children) < _WORTH_A_PAGE or is_derived(parent):
            return {}
        above = self.workshop.ledger.find(parent)
        if above is None or above.type != IMAGE_COLLECTION:
            return {}
        wanted = {one.name for one in children}
        found: dict[str, SourceAsset] = {}
        pages = self.earth_engine.list_children(parent, only=wanted)
        for page in islice(pages, len(children) // 2):
            found |= {one.name: one for one in page}
            if len(found) == len(wanted):
                break
        return found
