"""Compares what was restored with the mirror by mirroring it anew: a second root, a second copy.

The ordinary steps bring and prove the second copy; here it is asked for, awaited, and compared.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from geesync.adapters.tables.row_sums import Rows, RowSums
from geesync.adapters.tables.table_reading import rows_in
from geesync.domain.assets.asset import IMAGE, SourceAsset
from geesync.domain.assets.names import is_within
from geesync.domain.json import Json
from geesync.domain.mirror.layout import ASSET_JSON, GEESYNC_JSON
from geesync.domain.mirror.lifecycle import State
from geesync.domain.restore.comparing import Compared, Likeness
from geesync.domain.restore.losses import LossKind
from geesync.domain.restore.tables import become_texts, geojson_in
from geesync.errors import Cause, RemoteError
from geesync.steps.step import StepContext
from geesync.store.ledger.ledger import LedgerAsset
from geesync.store.ledger.roots import Root, Roots
from geesync.store.making.restores import Restored

#: Between two scans that are asked for.
_SCAN_AGAIN = timedelta(minutes=5)

#: How a second copy is looked for again.
_LATER_S = 60.0


@dataclass
class SecondCopies:
    """Second copies of what was restored."""

    context: StepContext
    roots: Roots

    def compare(
        self, asset: Restored, made: SourceAsset, sidecar: Json, *, whole_masks: bool
    ) -> Iterator[Compared]:
        """Yield how an asset's second copy is like the first.

        Raises RemoteError TRANSIENT while there is none, FAILED if there can be none.
        """
        copy = self._proved(asset, made, sidecar)
        first, second = asset.folder, Path(copy.dest) / copy.path
        second_sidecar = json.loads((second / GEESYNC_JSON).read_bytes())
        if made.type != IMAGE:
            read = rows_read(asset, sidecar)
            sums = (
                read.sums(rows_in(place / geojson_in(document)))
                for place, document in ((first, sidecar), (second, second_sidecar))
            )
            yield from compare_rows(*sums)
            return
        from geesync.adapters.mirrored.mirrored_digests import hashes_of  # noqa: PLC0415 # GDAL

        mirrored = SourceAsset(json.loads((first / ASSET_JSON).read_bytes()))
        types = {band.id: band.pixel_type for band in made.bands}
        here = hashes_of(first, mirrored, sidecar, types, whole_masks=whole_masks)
        there = hashes_of(second, made, second_sidecar, types, whole_masks=whole_masks)
        for band in sorted(here.keys() | there.keys()):
            what, same = f"band {band}: second copy", here.get(band) == there.get(band)
            yield Compared.of(what, "the first copy's", "another one's", same=same)

    def _proved(self, asset: Restored, made: SourceAsset, sidecar: Json) -> LedgerAsset:
        """Return the second copy as the ledger knows it."""
        root = self._root(asset, sidecar)
        copy = self.context.ledger.find(asset.target)
        if copy is not None and copy.standing.state == State.QUARANTINED:
            raise RemoteError(
                Cause.FAILED, f"its second copy is quarantined: {copy.standing.reason}"
            )
        if copy is None or copy.revision != made.revision:
            now = self.context.clock()
            if root.scanned_at is None or now - root.scanned_at >= _SCAN_AGAIN:
                self.roots.update(root.id, next_scan_at=now)
        elif copy.standing.state == State.VERIFIED:
            return copy
        message = "its second copy is on the way"
        raise RemoteError(Cause.TRANSIENT, message, retry_after_s=_LATER_S)

    def _root(self, asset: Restored, sidecar: Json) -> Root:
        """Return the root that watches an asset; one that is added if there is none."""
        for root in self.roots.active():
            if is_within(asset.target, root.name):
                return root
        self.roots.add(
            asset.root,
            dest=asset.wanted.mirror,
            bucket=asset.bucket,
            now=self.context.clock(),
            options={"masks": sidecar["masks"]} if "masks" in sidecar else {},
        )
        return self._root(asset, sidecar)


def rows_read(asset: Restored, sidecar: Json) -> Rows:
    """Return how the rows of a table are read, by the way that they went."""
    if all(loss["kind"] != LossKind.ROWS for loss in asset.wanted.losses):
        return Rows()
    return Rows(become_texts(sidecar["table"]["columns"]), drops_empty=True)


def compare_rows(here: RowSums, there: RowSums) -> Iterator[Compared]:
    """Yield how rows are like the mirror's; here: the mirror's. Other indexes are no other rows."""
    same = (here.count, here.values) == (there.count, there.values)
    counts = f"{here.count:,}", f"{there.count:,}"
    yield Compared.of("values and geometries of all rows", *counts, same=same)
    if same:
        kept = Likeness.EQUAL if here.indexes == there.indexes else Likeness.EQUIVALENT
        yield Compared("system:index of all rows", kept, "the mirror's", "new ones")
