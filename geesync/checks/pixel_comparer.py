"""Compares verified images with Earth Engine's pixels, whatever way they came by."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from geesync.adapters.direct.comparing import compare_pixels
from geesync.adapters.direct.source import Source
from geesync.checks.comparer import Difference
from geesync.domain.assets.asset import IMAGE, SourceAsset
from geesync.domain.direct.readings import TooLargeError
from geesync.domain.messages.words import counted
from geesync.domain.mirror.checking import Verdict
from geesync.domain.mirror.layout import GEESYNC_JSON
from geesync.domain.mirror.lifecycle import State
from geesync.errors import RemoteError
from geesync.store.copies.checks import Checks, Scope
from geesync.store.ledger.ledger import LedgerAsset


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
        there = self.get(asset)
        if there.revision != asset.revision:
            return ""  # the comparison of revisions names it
        folder = Path(asset.dest) / asset.path
        sidecar = json.loads((folder / GEESYNC_JSON).read_text())
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
