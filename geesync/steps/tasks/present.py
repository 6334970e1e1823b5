"""What Earth Engine says of assets now; of what a job makes, by the image that it is made of."""

from __future__ import annotations

from dataclasses import dataclass

from geesync.adapters.earth_engine.earth_engine import EarthEngine
from geesync.domain.assets.asset import SourceAsset
from geesync.domain.assets.names import is_derived
from geesync.domain.derive.job import made_of
from geesync.store.ledger.ledger import Ledger, LedgerAsset


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
