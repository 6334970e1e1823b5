"""Compares what was made with what the mirror holds, and tidies up after what is proved.

Metadata field by field; pixels and masks by reading them from Earth Engine and from the mirror's
files, which must be the same numbers, whatever type they took in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from geesync.adapters.earth_engine.earth_engine import EarthEngine
from geesync.adapters.mirrored.policies import policy_at
from geesync.adapters.storage.bucket import Storage
from geesync.adapters.tables.table_reading import rows_in
from geesync.domain.assets.asset import IMAGE, TABLE, SourceAsset
from geesync.domain.direct.digests import BandDigest, Sums, request, same, strips
from geesync.domain.json import Json
from geesync.domain.mirror.coverage import StoredObject
from geesync.domain.restore.comparing import Compared, compare_metadata, differences, leniently
from geesync.domain.restore.files import part_files
from geesync.domain.restore.lifecycle import ProofPassed, RestoreState
from geesync.domain.restore.losses import LossKind, odd_properties
from geesync.domain.restore.manifests import MARK
from geesync.domain.restore.tables import geojson_in
from geesync.domain.state_machine import Differs, Event
from geesync.errors import Cause, RemoteError
from geesync.logger import get_logger
from geesync.steps.restore.policies import give_policy
from geesync.steps.restore.second_copy import SecondCopies, compare_rows, rows_read
from geesync.steps.restore.uploader import OTHER_COPY, sidecars
from geesync.steps.step import StepContext, record_outcomes
from geesync.store.making.restores import Restored, Restores

if TYPE_CHECKING:
    from geesync.adapters.direct.source import Source

log = get_logger()

#: How thoroughly: metadata only; every pixel read; every pixel summed up by Earth Engine and by
#: us; or what was restored mirrored anew, and the two copies compared.
PIXELS, DIGEST, MIRROR = "pixels", "digest", "mirror"


#: What is said to be lost of these is what is found to be.
_COMPARED = frozenset({LossKind.PROPERTIES, LossKind.POLICIES})


@dataclass
class Prover:
    """Proves what was restored."""

    context: StepContext
    earth_engine: EarthEngine
    storage: Storage
    source: Callable[[], Source]  #: of pixels; opened when there is something to compare
    restores: Restores
    copies: SecondCopies
    share: float  #: of the pixels of an image of more answers than these
    most_answers: int
    _refused: set[str] = field(default_factory=set, init=False)
    """Why properties are odd, of those that Earth Engine does not take later, either."""

    def run_once(self) -> int:
        """Compare the next assets; remove what was staged for those that are proved."""
        due = self.restores.due(
            RestoreState.RESTORED, now=self.context.clock(), limit=self.context.chunk
        )
        answers = self.context.each(due, self._prove)
        moved = record_outcomes(self.context, self.restores, answers)
        return moved + self._tidy()

    def _prove(self, asset: Restored) -> Event:
        mirrored, sidecar = sidecars(asset)
        if not asset.is_made_of(mirrored):
            return Differs(OTHER_COPY, cause=Cause.INTEGRITY)
        share, compared = self._compare(asset, mirrored, sidecar)
        report = {
            "compared": [comparison.to_json() for comparison in compared],
            "share": share,
            "lost": [loss for loss in asset.wanted.losses if loss["kind"] not in _COMPARED],
        }
        self.restores.report(asset, report)
        if bad := differences(compared):
            reasons = [f"{differs.what}: {differs.was} is {differs.is_now}" for differs in bad[:3]]
            return Differs("; ".join(reasons), cause=Cause.INTEGRITY)
        return ProofPassed()

    def _compare(
        self, asset: Restored, mirrored: SourceAsset, sidecar: Json
    ) -> tuple[float | None, list[Compared]]:
        """Compare an asset as thoroughly as was asked for; finish it if nothing differs.

        Returns (the share of its pixels that were compared, what was compared).
        """
        made = self.earth_engine.get_asset(asset.target)
        compared, share = self._compare_metadata(asset, mirrored, made), None
        if asset.prove == PIXELS and mirrored.type == IMAGE:
            share, pixels = self._compare_pixels(asset, made, sidecar)
            compared += pixels
        elif asset.prove == DIGEST and mirrored.type == IMAGE:
            compared += self._compare_digests(asset, mirrored, sidecar)
        elif asset.prove in {PIXELS, DIGEST} and mirrored.type == TABLE:
            compared += self._compare_rows(asset, sidecar)
        if not differences(compared):
            compared += self._finish(asset, made)
        if asset.prove == MIRROR and not mirrored.is_container and not differences(compared):
            made = self.earth_engine.get_asset(asset.target)  # as it was finished
            whole = _loses_fractions(asset)
            compared += self.copies.compare(asset, made, sidecar, whole_masks=whole)
        return share, compared

    def _compare_metadata(
        self, asset: Restored, mirrored: SourceAsset, made: SourceAsset
    ) -> list[Compared]:
        from geesync.adapters.mirrored.mirrored_pixels import same_crs  # noqa: PLC0415 # likewise

        if not asset.was_there:
            made = self._with_all_properties(mirrored, made)
        compared = compare_metadata(mirrored, made, asset.accepted, same_crs)
        return leniently(compared) if asset.was_there else compared

    def _with_all_properties(self, mirrored: SourceAsset, made: SourceAsset) -> SourceAsset:
        """Give an asset the properties that it was not made with, where Earth Engine lets us."""
        odd = odd_properties(mirrored.properties)
        missing = [
            key
            for key in mirrored.properties
            if key not in made.properties
            and not key.startswith("system:")
            and not set('",') & set(key)  # which a mask of fields cannot name
            and odd.get(key) not in self._refused
        ]
        for key in missing:
            given = {"properties": {key: mirrored.properties[key]}}
            try:
                self.earth_engine.change_asset(made.name, given, [f'properties."{key}"'])
            except RemoteError as error:
                if error.costs_time_only or key not in odd:
                    raise
                self._refused.add(odd[key])
                log.warning("property_refused", asset=made.name, property=key, error=str(error))
        return self.earth_engine.get_asset(made.name) if missing else made

    def _compare_pixels(
        self, asset: Restored, made: SourceAsset, sidecar: Json
    ) -> tuple[float, list[Compared]]:
        """Compare the pixels of an image: all, or a share where it is large; return the share."""
        from geesync.adapters.direct import comparing  # noqa: PLC0415 # GDAL: late

        is_large = comparing.answers_of(made, asset.folder, sidecar) > self.most_answers
        share = self.share if is_large else 1.0
        different = comparing.compare_pixels(
            self.source(),
            made,
            asset.folder,
            sidecar,
            share=share,
            whole_masks=_loses_fractions(asset),
        )
        return share, [
            Compared.of(f"band {band}: pixels", "the mirror's", f"{count:,} others", same=not count)
            for band, count in different.items()
        ]

    def _compare_rows(self, asset: Restored, sidecar: Json) -> Iterator[Compared]:
        from geesync.adapters.direct.table_comparing import sums_there  # noqa: PLC0415 # curl: late

        read = rows_read(asset, sidecar)
        here = read.sums(rows_in(asset.folder / geojson_in(sidecar)))
        yield from compare_rows(here, sums_there(self.source(), asset.target, read))

    def _compare_digests(
        self, asset: Restored, mirrored: SourceAsset, sidecar: Json
    ) -> Iterator[Compared]:
        """Yield whether the sums over every pixel of each band are the mirror's."""
        from geesync.adapters.mirrored import mirrored_digests as ours  # noqa: PLC0415 # GDAL: late

        whole = _loses_fractions(asset)
        for wanted in part_files(mirrored, sidecar):
            bands = ours.band_digests(wanted, whole_masks=whole)
            here = ours.sums_of(asset.folder, sidecar, wanted, whole_masks=whole)
            for band, sums in zip(bands, here, strict=True):
                self.context.check_stop()
                there = self._digest(asset.target, band, mirrored)
                what, are_same = f"band {band.id}: digest", same(sums, there)
                yield Compared.of(what, str(sums), str(there), same=are_same)

    def _digest(self, name: str, band: BandDigest, mirrored: SourceAsset) -> Sums:
        """Return what Earth Engine's pixels of a band come to."""
        (grid,) = (original.grid for original in mirrored.bands if original.id == band.id)
        sums: Sums = {}
        for first, rows in strips(grid):
            found = self.earth_engine.compute(request(name, band, grid, first, rows))
            del found["nothing"]
            for key, value in found.items():
                sums[key] = sums.get(key, 0.0) + float(value or 0)
        return sums

    def _finish(self, asset: Restored, made: SourceAsset) -> Iterator[Compared]:
        """Give it its policy, and take our mark off: the last things that are done to it."""
        if asset.policies and not asset.was_there and not asset.wanted.is_plain_folder:
            policy = policy_at(Path(asset.wanted.mirror), asset.wanted.path)
            yield from give_policy(self.earth_engine, asset.target, policy)
        if MARK in made.properties:
            self.earth_engine.change_asset(asset.target, {}, [f'properties."{MARK}"'])

    def _tidy(self) -> int:
        """Remove from the bucket what was staged for assets that are proved or given up."""
        gone: list[tuple[int, str]] = []
        by_bucket: dict[str, list[tuple[int, StoredObject]]] = {}
        for asset_id, bucket, obj in self.restores.leftovers(self.context.chunk):
            by_bucket.setdefault(bucket, []).append((asset_id, obj))
        for bucket, some in by_bucket.items():
            answers = self.storage.delete(bucket, [obj for _, obj in some])
            for (asset_id, obj), answer in zip(some, answers, strict=True):
                if isinstance(answer, RemoteError):
                    log.warning("restore_leftover_kept", object=obj.name, error=str(answer))
                else:
                    gone.append((asset_id, obj.name))
        if gone:
            self.restores.note_removed(gone, self.context.clock())
        return len(gone)


def _loses_fractions(asset: Restored) -> bool:
    return asset.is_external and LossKind.FRACTIONS in asset.accepted
