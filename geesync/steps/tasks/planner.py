"""The plans of assets: what people chose for their root, and what came of earlier plans."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from geesync.domain.assets.asset import SourceAsset
from geesync.domain.choices.options import Options
from geesync.domain.json import Json
from geesync.domain.mirror.planning import History, Plan, plan
from geesync.domain.tasks.exports import Ask, Part, body_hash, request_body
from geesync.domain.tasks.lifecycle import TaskState
from geesync.errors import Cause
from geesync.store.ledger.ledger import LedgerAsset
from geesync.store.ledger.tasks import Task, Tasks


@dataclass
class Planner:
    """Plans assets, the same way for every step that asks."""

    tasks: Tasks
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
        earlier = self.tasks.of(by_id, live=False)
        return {
            asset_id: plan(
                sources[asset_id],
                self.chosen(asset),
                _history(task for task in earlier[asset_id] if _tells(task, asset)),
            )
            for asset_id, asset in by_id.items()
        }

    def ask(self, asset: LedgerAsset, part: Part, *, revision: str, attempt: int) -> Ask:
        """Return the ask for a part: the same for the same words."""
        return Ask(asset.name, revision, part, attempt, self.ledger_id)

    def request(self, asset: LedgerAsset, task: Task) -> Json | None:
        """Return the body that asked for a task; None if another version asked otherwise."""
        ask = self.ask(asset, task.part, revision=task.revision, attempt=task.attempt)
        body = request_body(ask, bucket=task.bucket, prefix=task.prefix)
        return body if body_hash(body) == task.body_hash else None


def _tells(task: Task, asset: LedgerAsset) -> bool:
    """Whether a task shows that its plan was not good, and for this revision."""
    return task.cause == Cause.PLAN and task.revision == asset.revision


def _history(tasks: Iterable[Task]) -> History:
    parts: dict[TaskState, list[Part]] = {TaskState.FAILED: [], TaskState.DISPROVED: []}
    columns: tuple[str, ...] = ()
    for task in tasks:
        parts.setdefault(task.state, []).append(task.part)
        columns = tuple(task.found.get("columns", columns))
    return History(tuple(parts[TaskState.FAILED]), tuple(parts[TaskState.DISPROVED]), columns)
