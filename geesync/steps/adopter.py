"""Finds what a lost ledger had asked for, at Earth Engine and in the bucket, so that it goes on.

A token is derived from its ask and from the ledger's id, which the mirror keeps. So it can be made
again for each part that would be asked for now, and looked up among what bears our tokens. What was
asked for another revision has another token, and is nobody's any more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from geesync.adapters.bucket import Storage
from geesync.adapters.earth_engine import EarthEngine
from geesync.adapters.signatures import signatures
from geesync.domain.coverage import StoredObject, complete
from geesync.domain.exports import Ask, Part
from geesync.domain.layout import STAGING, staged_prefix
from geesync.domain.operations import Operation
from geesync.steps.planner import Planner
from geesync.steps.step import Workshop
from geesync.store.ledger import LedgerAsset
from geesync.store.recovery import Found, Recovery

#: Attempts that are looked for. An asset rests after a few; the count goes on with each revision.
_MOST_ATTEMPTS = 32


@dataclass
class _Left:
    """What bears our tokens, whichever ledger asked for it."""

    operations: dict[str, Operation] = field(default_factory=dict)  #: by token
    objects: dict[str, dict[str, list[StoredObject]]] = field(default_factory=dict)
    """By bucket, then by token."""

    def of(self, asset: LedgerAsset, ask: Ask) -> Found | None:
        """Return what is left of an ask: its operation, or all of its objects."""
        operation = self.operations.get(ask.token)
        listed = self.objects[asset.bucket].get(ask.token, [])
        if operation is None and not listed:
            return None
        prefix = staged_prefix(ask.token, asset.path, ask.part.key)
        if operation is not None:
            return Found(asset, ask, prefix, operation.id)
        # Finished operations are forgotten after a while; files that are all there need none.
        objects = complete(prefix, ask.part, listed)
        return Found(asset, ask, prefix, None, tuple(objects)) if objects else None


@dataclass
class Adopter:
    """Gives a new ledger the exports that are on their way, or in the bucket, for it to follow."""

    name: ClassVar[str] = "adopter"

    workshop: Workshop
    earth_engine: EarthEngine
    storage: Storage
    planner: Planner
    recovery: Recovery

    def run(self) -> int:
        """Adopt what is left of the exports of all discovered assets; return how many exports.

        Raises RemoteError if Earth Engine or a bucket cannot be listed whole.
        """
        left: _Left | None = None
        count = 0
        for assets in self._discovered():
            left = left or self._left()
            for bucket in {asset.bucket for asset in assets} - left.objects.keys():
                left.objects[bucket] = self._staged(bucket)
            found = list(self._found(assets, left))
            self.recovery.adopt(found, self.workshop.clock())
            count += len(found)
        return count

    def _discovered(self) -> Iterator[list[LedgerAsset]]:
        after = 0
        while assets := self.recovery.discovered(after=after, limit=self.workshop.chunk):
            yield assets
            after = assets[-1].id

    def _left(self) -> _Left:
        pages = self.earth_engine.list_operations()
        return _Left({op.token: op for page in pages for op in page if op.token})

    def _staged(self, bucket: str) -> dict[str, list[StoredObject]]:
        objects: defaultdict[str, list[StoredObject]] = defaultdict(list)
        for obj in self.storage.list_objects(bucket, f"{STAGING}/"):
            objects[obj.name.split("/")[1]].append(obj)
        return dict(objects)

    def _found(self, assets: list[LedgerAsset], left: _Left) -> Iterator[Found]:
        ledgers = {dest: signatures(Path(dest)) for dest in {asset.dest for asset in assets}}
        plans = self.planner.plans(assets, self.workshop.ledger.sources_of(assets))
        for asset in assets:
            for part in plans[asset.id].parts:
                asks = _asks(asset, part, ledgers[asset.dest])
                found = next(filter(None, (left.of(asset, ask) for ask in asks)), None)
                if found:
                    yield found


def _asks(asset: LedgerAsset, part: Part, ledgers: Iterable[str]) -> Iterator[Ask]:
    """Yield what may have been asked for a part, the latest attempt first."""
    for attempt in range(_MOST_ATTEMPTS, 0, -1):
        for ledger in ledgers:
            yield Ask(asset.name, asset.revision, part, attempt, ledger)
