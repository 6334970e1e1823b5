"""The plans of assets: what people chose for their root, and what came of earlier plans."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from geesync.domain.assets.asset import SourceAsset
from geesync.domain.choices.options import Options
from geesync.domain.json import Json
from geesync.domain.mirror.planning import History, Plan, plan
from geesync.domain.tasks.exports import Ask, Part, body_hash, request_body
from geesync.errors import Cause
from geesync.store.ledger.exports import Export, Exports
from geesync.store.ledger.ledger import LedgerAsset


@dataclass
class Planner:
    """Plans assets, the same way for every step that asks."""

    exports: Exports
    options: Options  #: as configured, for roots that say nothing else
    ledger_id: str
    _chosen: dict[str, Options] = field(default_factory=dict, init=False)  #: by a root's choices

    def chosen(self, asset: LedgerAsset) -> Options:
        """Return what holds for an asset: its root's own choices before the configured ones."""
        key = repr(asset.options)
        if key not in self._chosen:
            self._chosen[key] = self.options.over(asset.options)
        return self._chosen[key]

    def plans(
        self, assets: Iterable[LedgerAsset], sources: Mapping[int, SourceAsset]
    ) -> dict[int, Plan]:
        """Return the plan of each asset by its id; sources: what Earth Engine says of each."""
        by_id = {asset.id: asset for asset in assets}
        earlier = self.exports.of(by_id, live=False)
        return {
            asset_id: plan(
                sources[asset_id],
                self.chosen(asset),
                _history(export for export in earlier[asset_id] if _tells(export, asset)),
            )
            for asset_id, asset in by_id.items()
        }

    def ask(self, asset: LedgerAsset, part: Part, *, revision: str, attempt: int) -> Ask:
        """Return the ask for a part: the same for the same words."""
        return Ask(asset.name, revision, part, attempt, self.ledger_id)

    def request(self, asset: LedgerAsset, export: Export) -> Json | None:
        """Return the body that asked for an export; None if another version asked otherwise."""
        ask = self.ask(asset, export.part, revision=export.revision, attempt=export.attempt)
        body = request_body(ask, bucket=export.bucket, prefix=export.prefix)
        return body if body_hash(body) == export.body_hash else None


def _tells(export: Export, asset: LedgerAsset) -> bool:
    """Whether an export shows that its plan was not good, and for this revision."""
    return export.cause == Cause.PLAN and export.revision == asset.revision


def _history(exports: Iterable[Export]) -> History:
    parts: dict[str, list[Part]] = {"failed": [], "disproved": []}
    columns: tuple[str, ...] = ()
    for export in exports:
        parts.setdefault(export.state, []).append(export.part)
        columns = tuple(export.found.get("columns", columns))
    return History(tuple(parts["failed"]), tuple(parts["disproved"]), columns)
