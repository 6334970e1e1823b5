"""The way back as one step: uploads, has ingested, proves, and tidies up, in this order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from geesync.steps.restore.importer import Importer
from geesync.steps.restore.prover import Prover
from geesync.steps.restore.uploader import Uploader
from geesync.steps.step import Tally, Workshop
from geesync.store.ledger.restores import Restores


@dataclass
class Restorer:
    """Takes what is to be made again from planned to proved."""

    name: ClassVar[str] = "restorer"

    workshop: Workshop
    restores: Restores
    uploader: Uploader
    importer: Importer
    prover: Prover

    def run_once(self) -> Tally:
        """Let each of the three do one pass; nothing is asked while there is nothing to restore."""
        if not self.restores.is_anything_left():
            return Tally()
        passes: tuple[Callable[[], int], ...] = (
            self.uploader.run_once,
            self.importer.run_once,
            self.prover.run_once,
        )
        moved = sum(one() for one in passes)
        return Tally(moved=moved, busy=moved > 0)
