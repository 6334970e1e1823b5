"""The way back as one step: uploads, has ingested, proves, and tidies up, in this order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from geesync.domain.restore.lifecycle import RestoreState
from geesync.steps.restore.prover import Prover
from geesync.steps.restore.uploader import Uploader
from geesync.steps.step import Tally, Workshop
from geesync.steps.tasks.asset_maker import AssetMaker
from geesync.store.ledger.restores import Restored, Restores


@dataclass
class Restorer:
    """Takes what is to be made again from planned to proved."""

    name: ClassVar[str] = "restorer"

    workshop: Workshop
    restores: Restores
    uploader: Uploader
    maker: AssetMaker[Restored]
    prover: Prover

    def run_once(self) -> Tally:
        """Let each of the three do one pass; nothing is asked while there is nothing to restore."""
        if not self.restores.is_anything_left():
            return Tally()
        moved = self.uploader.run_once() + self.ingest() + self.prover.run_once()
        return Tally(moved=moved, busy=moved > 0)

    def ingest(self) -> int:
        """Have Earth Engine ingest what is staged, and see what came of it."""
        now, room = self.workshop.clock(), self.maker.room()
        staged = self.restores.due(RestoreState.STAGED, now=now, limit=room)
        started = self.maker.start(staged)
        running = self.restores.due(
            RestoreState.IMPORTING, now=now, limit=self.workshop.chunk, paused_too=True
        )
        return started + self.maker.follow(running)
