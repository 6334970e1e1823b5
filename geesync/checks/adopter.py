"""Finds what a lost ledger had asked for, at Earth Engine and in the bucket, so that it goes on.

A token is derived from its ask and from the ledger's id, which the mirror keeps. So it can be made
again for each part that would be asked for now, and looked up among what bears our tokens. What was
asked for another revision has another token, and is nobody's any more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import ClassVar

from geesync.adapters.earth_engine.earth_engine import EarthEngine
from geesync.adapters.mirror_files.ownership import signatures
from geesync.adapters.storage.bucket import Storage
from geesync.domain.assets.asset import SourceAsset
from geesync.domain.choices.options import Options
from geesync.domain.mirror.coverage import StoredObject, complete
from geesync.domain.mirror.layout import STAGING, staged_prefix
from geesync.domain.mirror.plan import Lessons
from geesync.domain.mirror.planning import options_hash, plan
from geesync.domain.tasks.exports import Ask, Part, Way
from geesync.domain.tasks.operations import FAILED, SUCCEEDED, Operation
from geesync.steps.step import StepContext
from geesync.steps.tasks.planner import Planner, intent_of
from geesync.steps.tasks.reconciler import LATE_FILES
from geesync.store.copies.recovery import Found, Recovery
from geesync.store.ledger.ledger import LedgerAsset
from geesync.store.tasks.plans import NewPlan

#: Attempts that are looked for. An asset rests after a few; the count goes on with each revision.
_MOST_ATTEMPTS = 32


@dataclass(frozen=True)
class _Trace:
    """What is left of an ask of a lost ledger."""

    ask: Ask
    prefix: str  #: of its objects' names
    operation: str | None
    objects: tuple[StoredObject, ...] = ()  #: all there are, where there is no operation
    has_failed: bool = False  #: the operation has

    @property
    def is_over(self) -> bool:
        """Whether it ended long ago, and nothing is left but that it was asked."""
        return not self.operation and not self.objects


@dataclass
class _Left:
    """Operations and objects that have our tokens, of whichever ledger."""

    now: datetime
    operations: dict[str, Operation] = field(default_factory=dict)  #: by token
    objects: dict[str, dict[str, list[StoredObject]]] = field(default_factory=dict)
    """By bucket, then by token."""

    def look(self, asset: LedgerAsset, ledgers: Iterable[str], part: Part) -> _Trace | None:
        """Return what is left of the last ask for a part."""
        asks = _asks(asset, part, ledgers)
        return next(filter(None, (self.of(asset, ask) for ask in asks)), None)

    def of(self, asset: LedgerAsset, ask: Ask) -> _Trace | None:
        """Return what is left of an ask: its operation, or all of its objects."""
        operation = self.operations.get(ask.token)
        listed = self.objects.get(asset.bucket, {}).get(ask.token, [])
        if operation is None and not listed:
            return None
        prefix = staged_prefix(ask.token, asset.path, ask.part.key)
        # Finished operations are forgotten after a while; files that are all there need none.
        objects = tuple(complete(prefix, ask.part, listed))
        if operation is None:
            return _Trace(ask, prefix, None, objects) if objects else None
        is_over = ask.part.way == Way.BUCKET and not objects and self._is_over(operation)
        operation_id = None if is_over else operation.id
        return _Trace(ask, prefix, operation_id, has_failed=operation.state == FAILED)

    def _is_over(self, operation: Operation) -> bool:
        ended = operation.ended_at if operation.state in {SUCCEEDED, FAILED} else None
        return ended is not None and self.now - ended > LATE_FILES


@dataclass
class Adopter:
    """Gives a new ledger the exports that are on their way, or in the bucket, for it to follow."""

    name: ClassVar[str] = "adopter"

    context: StepContext
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
        for assets in filter(None, self._discovered()):
            left = left or self._left(self.context.clock())
            for bucket in {asset.bucket for asset in assets} - {"", *left.objects}:
                left.objects[bucket] = self._staged(bucket)
            plans, found = self._found(assets, left)
            self.recovery.adopt(plans, found, self.context.clock())
            count += len(found)
        return count

    def _discovered(self) -> Iterator[list[LedgerAsset]]:
        after = 0
        while assets := self.recovery.discovered(after=after, limit=self.context.chunk):
            yield [asset for asset in assets if asset.bucket or self._way(asset) == Way.DRIVE]
            after = assets[-1].id

    def _way(self, asset: LedgerAsset) -> Way:
        """Return by which way tasks bring an asset."""
        return Way.DRIVE if self.planner.chosen(asset).way == "drive" else Way.BUCKET

    def _left(self, now: datetime) -> _Left:
        pages = self.earth_engine.list_operations()
        return _Left(now, {op.token: op for page in pages for op in page if op.token})

    def _staged(self, bucket: str) -> dict[str, list[StoredObject]]:
        objects: defaultdict[str, list[StoredObject]] = defaultdict(list)
        for obj in self.storage.list_objects(bucket, f"{STAGING}/"):
            objects[obj.name.split("/")[1]].append(obj)
        return dict(objects)

    def _found(self, assets: list[LedgerAsset], left: _Left) -> tuple[list[NewPlan], list[Found]]:
        """Return the plans of assets of which something is left, and what that is."""
        ledgers = {dest: signatures(Path(dest)) for dest in {asset.dest for asset in assets}}
        sources = self.context.ledger.sources_of(assets)
        plans: list[NewPlan] = []
        found: list[Found] = []
        for asset in assets:
            source, options = sources[asset.id], self.planner.chosen(asset)
            look = partial(left.look, asset, ledgers[asset.dest])
            too_much = _too_much(source, options, look)
            exported = plan(source, options, Lessons(too_much), way=self._way(asset))
            traces = [trace for trace in map(look, exported.parts) if trace]
            asked = {trace.ask.part.id: {"attempt": trace.ask.attempt} for trace in traces}
            exported = replace(exported, origins=asked)
            if traces or too_much:
                plans.append(NewPlan(asset.id, asset.revision, options_hash(options), exported))
            found += [self._intended(asset, trace) for trace in traces if not trace.is_over]
        return plans, found

    def _intended(self, asset: LedgerAsset, trace: _Trace) -> Found:
        to = self.planner.destination(asset, trace.ask.part, trace.prefix)
        return Found(intent_of(asset, trace.ask, to, None), trace.operation, trace.objects)


def _too_much(
    source: SourceAsset, options: Options, look: Callable[[Part], _Trace | None]
) -> tuple[Part, ...]:
    """Return the parts that were cut: they failed, or nothing is left of them, but of pieces is.

    A single band's files have other sizes after a failure, and the same tokens: nothing is to be
    told of these.
    """

    def planned(*too_much: Part) -> tuple[Part, ...]:
        return plan(source, options, Lessons(too_much)).parts

    too_much: tuple[Part, ...] = ()
    while True:
        parts = planned(*too_much)
        cut = tuple(
            part
            for part in parts
            if len(part.bands) > 1
            and ((found := look(part)) is None or found.has_failed)
            and any(look(piece) for piece in planned(*too_much, part) if piece not in parts)
        )
        if not cut:
            return too_much
        too_much += cut


def _asks(asset: LedgerAsset, part: Part, ledgers: Iterable[str]) -> Iterator[Ask]:
    """Yield what may have been asked for a part, the latest attempt first."""
    for attempt in range(_MOST_ATTEMPTS, 0, -1):
        for ledger in ledgers:
            yield Ask(asset.name, asset.revision, part, attempt, ledger)
