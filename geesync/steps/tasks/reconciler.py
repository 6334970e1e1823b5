"""Learns what became of our exports: one listing of operations settles many assets.

An operation that is not in the listing is asked for singly, and its files in the bucket count for
more than its absence: nothing is exported again because one look did not show it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from geesync.adapters.google.earth_engine import EarthEngine
from geesync.domain.mirror.lifecycle import State
from geesync.domain.tasks.failures import classify_operation
from geesync.domain.tasks.operations import CANCELLED, FAILED, SUCCEEDED, Operation
from geesync.domain.tasks.refusals import stopped
from geesync.errors import Cause, RemoteError
from geesync.logger import get_logger
from geesync.steps.step import Tally, Workshop
from geesync.steps.tasks.asset_outcomes import AssetOutcomes
from geesync.steps.tasks.gate import Gate
from geesync.steps.tasks.staged_objects import StagedObjects
from geesync.store.ledger.exports import Export, Exports
from geesync.store.ledger.roots import Roots
from geesync.store.ledger.usage import QUEUE

log = get_logger()

#: How long an ask whose answer was lost may be on its way: a new operation is not listed at once.
_GRACE = timedelta(minutes=2)

#: Success is said before all files are seen, by minutes at most.
_LATE_FILES = timedelta(minutes=10)

Changes = dict[int, dict[str, Any]]


@dataclass
class Reconciler:
    """Settles exports by what Earth Engine and the bucket say, then the assets by their exports."""

    name: ClassVar[str] = "reconciler"

    workshop: Workshop
    earth_engine: EarthEngine
    exports: Exports
    evidence: StagedObjects
    conclusions: AssetOutcomes
    roots: Roots
    gate: Gate  #: of exports: how they end may close it, or open it

    def run_once(self) -> Tally:
        """Look at every export in flight, then move the assets whose exports have all ended."""
        in_flight = self.exports.in_flight()
        failed = self._settle(in_flight) if in_flight else []
        moved = self.workshop.record(self.conclusions.of_failed(failed))
        settled = self.exports.settled_assets(now=self.workshop.clock(), limit=self.workshop.chunk)
        moved += self.workshop.record(self.conclusions.of_settled(settled))
        return Tally(
            moved=moved,
            busy=len(settled) == self.workshop.chunk and moved > 0,
            waiting=self.evidence.trouble,
        )

    def _settle(self, in_flight: list[Export]) -> list[Export]:
        """Write down what became of each export; return those that failed."""
        looked_at = self.workshop.clock()
        operations = self._operations(in_flight)
        cancelled = self._cancelled(in_flight)
        self._cancel(
            operations[export.id]
            for export in in_flight
            if export.asset_id in cancelled and export.id in operations
        )
        changes: Changes = {}
        for export in in_flight:
            operation = operations.get(export.id)
            if operation:
                change = self._change(export, operation)
            else:
                change = self._missing(export, looked_at, cancelled)
            if change:
                changes[export.id] = change
        failed = [
            export
            for export in in_flight
            if changes.get(export.id, {}).get("state") in _ENDED_BADLY
        ]
        self._learn(failed, changes)
        self.exports.update(changes)
        self._collect(
            [
                export
                for export in in_flight
                if export.id in operations and operations[export.id].state == SUCCEEDED
            ]
        )
        return failed

    def _learn(self, failed: list[Export], changes: Changes) -> None:
        """Tell a refusal of all exports from the failures of single ones."""
        for export in failed:
            change = changes[export.id]
            error = self._refusal(export, change)
            if error is not None:
                change["cause"] = error.cause
            self.gate.learn_ending(export.intended_at, error)

    def _refusal(self, export: Export, change: dict[str, Any]) -> RemoteError | None:
        if change["cause"] in {Cause.PERMISSION, Cause.OVER_QUOTA}:
            return RemoteError(change["cause"], change["error"])
        if change["cause"] != Cause.FAILED:
            return None
        # The words for a bucket that cannot be written are not documented: look at the bucket.
        try:
            self.evidence.storage.check_access(export.bucket)
        except RemoteError as error:
            return error if error.cause == Cause.PERMISSION else None
        return None

    def _operations(self, in_flight: list[Export]) -> dict[int, Operation]:
        """Return the operation of each export that has one, by export id."""
        by_operation = {export.operation: export.id for export in in_flight if export.operation}
        by_token = {export.token: export.id for export in in_flight if not export.operation}
        found: dict[int, Operation] = {}
        working: dict[str, Operation] = {}
        for page in self.earth_engine.list_operations():
            if not self.workshop.keep_on():
                raise stopped()
            for operation in page:
                if operation.is_queued or operation.is_working:
                    working[operation.id] = operation
                export_id = by_operation.get(operation.id, by_token.get(operation.token or ""))
                if export_id is not None:
                    found[export_id] = operation
            if len(found) == len(in_flight) and not any(op.id in working for op in page):
                break  # what follows is history
        self._note_queue(working, by_operation)
        return found | self._ask_singly(
            [export for export in in_flight if export.operation and export.id not in found]
        )

    def _cancelled(self, in_flight: list[Export]) -> set[int]:
        """Return the ids of assets that a person does not want any more."""
        assets = self.workshop.ledger.assets({export.asset_id for export in in_flight})
        return {
            asset.id
            for asset in assets
            if asset.standing.state == State.QUARANTINED and asset.standing.cause == Cause.CANCELLED
        }

    def _cancel(self, operations: Iterable[Operation]) -> None:
        active = [operation for operation in operations if operation.is_cancellable]
        answers = self.workshop.each(active, lambda op: self.earth_engine.cancel_operation(op.id))
        for operation, answer in answers:
            if isinstance(answer, Exception):
                log.warning("cancel_refused", operation=operation.id, error=str(answer))
            else:
                log.info("operation_cancelled", operation=operation.id)

    def _note_queue(self, working: dict[str, Operation], ours: Iterable[str | None]) -> None:
        queued = sum(operation.is_queued for operation in working.values())
        queue = {
            "queued": queued,
            "running": len(working) - queued,
            "foreign": len(working.keys() - set(ours)),
        }
        self.roots.put(QUEUE, json.dumps(queue), self.workshop.clock())

    def _ask_singly(self, missing: list[Export]) -> dict[int, Operation]:
        found: dict[int, Operation] = {}
        answers = self.workshop.each(
            missing, lambda export: self.earth_engine.get_operation(str(export.operation))
        )
        for export, answer in answers:
            if isinstance(answer, Operation):
                found[export.id] = answer
            elif isinstance(answer, RemoteError) and answer.cause == Cause.GONE:
                # Finished operations are forgotten after a while: the files tell how it ended.
                found[export.id] = Operation(str(export.operation), SUCCEEDED)
        return found

    def _change(self, export: Export, operation: Operation) -> dict[str, Any]:
        """Return what an operation means for the export's row."""
        change: dict[str, Any] = {}
        if export.operation != operation.id:
            log.info("export_adopted", operation=operation.id, token=export.token)
        if export.operation != operation.id or export.state != "running":
            change |= {"state": "running", "operation": operation.id}
        if operation.state in {SUCCEEDED, FAILED, CANCELLED} and export.ended_at is None:
            change |= {"ended_at": self.workshop.clock(), "eecu_s": operation.eecu_s}
        if operation.state in {FAILED, CANCELLED}:
            cause = classify_operation(operation.error_code, operation.error)
            if operation.state == CANCELLED:
                cause = Cause.CANCELLED
            log.warning("export_failed", operation=operation.id, cause=cause, error=operation.error)
            state = "cancelled" if cause == Cause.CANCELLED else "failed"
            change |= {"state": state, "cause": cause, "error": operation.error}
        return change

    def _missing(self, export: Export, looked_at: datetime, cancelled: set[int]) -> dict[str, Any]:
        """Give up on an ask that never showed, and that nobody will repeat.

        looked_at: when the look began; a long one must not pass for a late one.
        """
        unrepeated = export.state == "unclear" or export.asset_id in cancelled
        if unrepeated and looked_at - export.intended_at > _GRACE:
            log.warning("export_lost", token=export.token)
            return {"state": "lost", "ended_at": self.workshop.clock()}
        return {}

    def _collect(self, ended: list[Export]) -> None:
        """Write down the files of exports that have succeeded, once they are complete."""
        now = self.workshop.clock()
        for export in ended:
            self.gate.learn_ending(export.intended_at, None)
        found = self.evidence.find(ended)
        self.exports.succeed(
            {
                export_id: [(obj, obj.file_name) for obj in objects]
                for export_id, objects in found.items()
                if objects
            },
            now,
        )
        late = [
            export
            for export in ended
            if found.get(export.id) == []
            and export.ended_at
            and now - export.ended_at > _LATE_FILES
        ]
        reason = "the operation succeeded, but its files are not all in the bucket"
        self.exports.update(
            {
                export.id: {"state": "failed", "cause": Cause.FAILED, "error": reason}
                for export in late
            }
        )


_ENDED_BADLY = ("failed", "cancelled")
