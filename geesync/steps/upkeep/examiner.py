"""Reads a large ledger whole after each start, while the others work already."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from geesync.steps.step import Tally, Workshop
from geesync.store.file.database import Database


@dataclass
class Examiner:
    """Looks for damage, once; raises LedgerError if there is any."""

    name: ClassVar[str] = "examiner"

    workshop: Workshop
    database: Database
    _done: bool = field(default=False, init=False)

    def run_once(self) -> Tally:
        """Read all of the ledger, if that was not done when it was opened."""
        if not self._done:
            self.database.check_whole(self.workshop.keep_on)
            self._done = True
        return Tally()
