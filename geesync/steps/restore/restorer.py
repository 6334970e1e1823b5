"""The way back as one step: uploads, has ingested, proves, and tidies up, in this order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from geesync.domain.assets.asset import TABLE
from geesync.domain.restore.lifecycle import RestoreState
from geesync.domain.state_machine import Event, Refused
from geesync.domain.tasks.lifecycle import TaskKind
from geesync.errors import Cause, RemoteError
from geesync.logger import get_logger
from geesync.steps.restore.prover import Prover
from geesync.steps.restore.report import write_report
from geesync.steps.restore.uploader import Uploader
from geesync.steps.step import StepContext, Tally, record_outcomes
from geesync.steps.tasks.asset_maker import Ask, AssetMaker
from geesync.store.making.restores import Restored, Restores

log = get_logger()

#: Refusals of what is asked for: the same is refused again.
_FINAL = frozenset({Cause.BUG, Cause.PLAN, Cause.UNSUPPORTED})


@dataclass
class Restorer:
    """Takes what is to be made again from planned to proved."""

    name: ClassVar[str] = "restorer"

    context: StepContext
    restores: Restores
    uploader: Uploader
    maker: AssetMaker[Restored]
    prover: Prover

    def run_once(self) -> Tally:
        """Let each of the three do one pass; nothing is asked while there is nothing to restore."""
        self.maker.let_go()
        if not self.restores.is_anything_left():
            return Tally()
        began = self.context.clock()
        moved = self.uploader.run_once() + self.ingest() + self.prover.run_once()
        if moved:
            self._report(began)
        return Tally(moved=moved, busy=moved > 0)

    def _report(self, since: datetime) -> None:
        """Keep reports of restores that came to rest beside the mirror, as the ledger has them."""
        for root in self.restores.finished(since):
            try:
                write_report(root, self.restores.reports(root))
            except RemoteError as error:
                log.warning("restore_report_not_written", target=root, error=str(error))

    def ingest(self) -> int:
        """Have Earth Engine make assets of what is staged, and see what came of it."""
        now = self.context.clock()
        staged = self.restores.due(RestoreState.STAGED, now=now, limit=self.context.chunk)
        external = [asset for asset in staged if asset.is_external]
        others = [asset for asset in staged if not asset.is_external]
        registered = self.context.each(external, self._register)
        started = record_outcomes(self.context, self.restores, registered)
        started += self.maker.start(others[: self.maker.room()])
        running = self.restores.due(
            RestoreState.IMPORTING, now=now, limit=self.context.chunk, paused_too=True
        )
        return started + self.maker.follow(running)

    def _register(self, asset: Restored) -> Event | None:
        """Have an external image made, unless it is there; and see that it is."""
        found = self.maker.look(asset)
        if found is None:
            assert asset.manifest is not None  # it was staged
            try:
                self.maker.earth_engine.import_external(asset.manifest)
            except RemoteError as error:
                if error.cause not in _FINAL:
                    raise
                # That it is there already is a refusal, too.
                return self.maker.look(asset) or Refused(str(error), cause=error.cause)
            return self.maker.look(asset)
        return found


def ask(asset: Restored) -> Ask:
    """Return what is asked for to make an asset of what is staged."""
    if asset.manifest is not None and "expression" in asset.manifest:
        return Ask(TaskKind.TABLE_EXPORT, (asset.wanted.mark,), asset.manifest)
    is_table = asset.wanted.type == TABLE
    kind = TaskKind.TABLE_IMPORT if is_table else TaskKind.IMAGE_IMPORT
    body = {"tableManifest" if is_table else "imageManifest": asset.manifest}
    return Ask(kind, (asset.wanted.mark,), body)
