"""What becomes of assets when their exports have ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from geesync.domain.assets.asset import SourceAsset
from geesync.domain.failures.shared_failures import NotTriedError
from geesync.domain.mirror.lifecycle import ExportFailed, ExportsSucceeded, State
from geesync.domain.state_machine import Event, Refused, Setback, wait_for_world
from geesync.domain.tasks.lifecycle import TaskState
from geesync.errors import WORLDLY, Cause, RemoteError
from geesync.logger import get_logger
from geesync.steps.step import UNSEEN_WAIT, StepContext, delay_of, unseen
from geesync.steps.tasks.planner import Planner
from geesync.steps.tasks.present import Present
from geesync.store.ledger.ledger import LedgerAsset, Move
from geesync.store.ledger.listing import Listing
from geesync.store.tasks.plans import KnownPlan
from geesync.store.tasks.task_rows import Task
from geesync.store.tasks.tasks import Tasks

log = get_logger()


@dataclass
class AssetOutcomes:
    """Draws an asset's event from its exports, and from what Earth Engine says of it now."""

    context: StepContext
    present: Present
    tasks: Tasks
    planner: Planner
    listing: Listing

    def of_failed(self, failed: list[Task]) -> list[Move]:
        """Return the setbacks of assets of which a part failed before all were asked for."""
        assets = self.context.ledger.assets({task.subject.id for task in failed})
        waiting = [asset for asset in assets if asset.standing.state == State.DISCOVERED]
        known = self.planner.known(waiting)
        asks = self._asks(known)
        return [Move(asset, _failure(asks[asset.id])) for asset in waiting if asset.id in known]

    def of_settled(self, settled: list[int]) -> list[Move]:
        """Return what becomes of assets whose every export has ended."""
        assets = self.context.ledger.assets(settled)
        known = self.planner.known(assets)
        asks, there = self._asks(known), self.planner.plans.parts_there(known)
        moves, complete = [], []
        for asset in assets:
            done = {
                part_id
                for part_id, of_part in asks[asset.id].items()
                if of_part[-1].state == TaskState.SUCCEEDED
            } | there.get(asset.id, set())
            if done.issuperset(part.id for part in known[asset.id].plan.parts):
                complete.append(asset)
            else:
                moves.append(Move(asset, _failure(asks[asset.id])))
        return self._still_there(moves) + self._unchanged(complete)

    def _asks(self, known: Mapping[int, KnownPlan]) -> dict[int, dict[str, list[Task]]]:
        """Return the tasks for each part of the assets' plans, in order; of earlier plans none."""
        asks: dict[int, dict[str, list[Task]]] = {asset_id: {} for asset_id in known}
        for asset_id, tasks in self.tasks.of(known, live=False).items():
            for task in tasks:
                if task.plan_id == known[asset_id].id:
                    asks[asset_id].setdefault(task.part_id, []).append(task)
        return asks

    def _still_there(self, moves: list[Move]) -> list[Move]:
        """Return the moves; an asset that cannot be seen any more waits for what the scan finds.

        Revoked access looks like deletion, and neither is to cost one export after another.
        """
        doubtful = [
            move
            for move in moves
            if isinstance(move.event, Setback) and move.event.cause == Cause.GONE
        ]
        answers = self.context.each(doubtful, lambda move: self.present.now(move.asset))
        events = {
            move.asset.id: unseen(answer)
            for move, answer in answers
            if isinstance(answer, Exception)
        }
        return [replace(move, event=events.get(move.asset.id, move.event)) for move in moves]

    def _unchanged(self, complete: list[LedgerAsset]) -> list[Move]:
        """Return the success of assets that are still what they were when they were exported.

        A copy that was made while the asset was overwritten may be torn: it is taken again.
        """
        answers = self.context.each(complete, self.present.now)
        moves = []
        for asset, answer in answers:
            if isinstance(answer, SourceAsset) and answer.revision != asset.revision:
                log.info("asset_changed_while_exported", asset=asset.name)
                self.listing.observe(asset.root_id, [answer], self.context.clock())
            elif isinstance(answer, SourceAsset) or (
                isinstance(answer, RemoteError) and answer.cause == Cause.GONE
            ):
                moves.append(Move(asset, ExportsSucceeded()))
            elif not isinstance(answer, NotTriedError):  # it is good, and cannot be looked at
                moves.append(Move(asset, delay_of(answer, UNSEEN_WAIT)))
        return moves


def _failure(asks: Mapping[str, Sequence[Task]]) -> Event:
    """Return the setback that ended exports mean: the worst of the last ones speaks.

    What is the world's speaks before what may be the asset's own: that will show again.
    asks: the tasks for each part, in order.
    """
    last = [of_part[-1] for of_part in asks.values()]
    for task in last:
        if task.state == TaskState.CANCELLED:
            return Refused(f"cancelled: {task.error}", cause=Cause.CANCELLED)
    failed = [task for task in last if task.state == TaskState.FAILED]
    if not failed:
        return ExportFailed("an export ended without its files", cause=Cause.FAILED)
    worst = min(failed, key=lambda task: task.cause not in WORLDLY)
    wait = max(wait_for_world([task.cause for task in of_part]) for of_part in asks.values())
    return ExportFailed(worst.error, cause=worst.cause or Cause.FAILED, wait=wait)
