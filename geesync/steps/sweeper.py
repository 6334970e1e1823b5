"""Deletes staged objects whose copy is proved: by generation, and only of verified assets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import structlog

from geesync.adapters.bucket import Storage
from geesync.steps.step import Tally, Workshop
from geesync.store.exports import Exports, Staged

log = structlog.get_logger()


@dataclass
class Sweeper:
    """Empties the staging folder behind the verifier."""

    name: ClassVar[str] = "sweeper"

    workshop: Workshop
    storage: Storage
    exports: Exports

    def run_once(self) -> Tally:
        """Delete the next staged objects; what is not there any more counts as deleted."""
        due = self.exports.sweepable(limit=self.workshop.chunk)
        swept = []
        for staged, answer in self.workshop.each(due, self._delete):
            if isinstance(answer, Exception):
                log.warning("object_not_deleted", object=staged.obj.name, error=str(answer))
            else:
                swept.append(staged.id)
        self.exports.mark("swept_at", swept, self.workshop.clock())
        return Tally(moved=len(swept), busy=len(swept) == self.workshop.chunk)

    def _delete(self, staged: Staged) -> bool:
        return self.storage.delete(staged.export.bucket, staged.obj)
