"""Deletes at Earth Engine what was proved a moment ago, on a person's explicit word only.

One asset after the other: every byte of its copy is read, its revision at Earth Engine is what was
mirrored, and a restore would lose nothing that was not accepted. Whatever is in doubt stays there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from pathlib import Path

from geesync.adapters.earth_engine.earth_engine import EarthEngine
from geesync.adapters.mirror_files.folders import folder
from geesync.checks.checker import Checker
from geesync.domain.assets.names import is_derived, is_root, refused_name
from geesync.domain.mirror.checking import KeptFile
from geesync.domain.mirror.layout import FREED_JSON, GEESYNC_JSON
from geesync.domain.mirror.lifecycle import SourceFreed
from geesync.domain.restore.losses import HARMLESS, LossKind, losses, unseen_losses
from geesync.errors import Cause, RemoteError
from geesync.logger import get_logger
from geesync.store.copies.checks import Scope
from geesync.store.copies.freed import Freed
from geesync.store.ledger.ledger import Ledger, LedgerAsset, Move
from geesync.store.ledger.listing import FREED

log = get_logger()


@dataclass(frozen=True)
class Outcome:
    """What was done with one asset."""

    asset: LedgerAsset
    kept: str = ""  #: why it stays at Earth Engine; nothing if it was deleted, or would be


@dataclass
class Freer:
    """Frees room at Earth Engine."""

    checker: Checker
    earth_engine: EarthEngine
    ledger: Ledger
    freed: Freed
    accepted: frozenset[LossKind]

    def look(self, scope: Scope) -> Iterator[Outcome]:
        """Yield what could be freed, and what not and why; nothing is read or asked."""
        for asset in self._assets(scope):
            yield Outcome(asset, self._losses(asset))

    def free(self, scope: Scope) -> Iterator[Outcome]:
        """Delete what is proved, the deepest first, and yield what came of each.

        Raises RemoteError where Earth Engine cannot be asked, and MirrorError without a mirror.
        """
        for asset in self._assets(scope):
            why = self._losses(asset) or self._flaws(asset) or self._differs(asset)
            if not why:
                why = self._delete(asset)
            if why:
                log.warning("asset_not_freed", asset=asset.name, reason=why)
            yield Outcome(asset, why)

    def _assets(self, scope: Scope) -> list[LedgerAsset]:
        found = self.freed.candidates(scope)
        return [one for one in found if not is_root(one.name) and not is_derived(one.name)]

    def _losses(self, asset: LedgerAsset) -> str:
        """Return what a restore of it would lose that nobody has accepted."""
        source = self.ledger.sources_of([asset])[asset.id]
        try:
            file = Path(asset.dest) / asset.path / GEESYNC_JSON
            sidecar = json.loads(file.read_bytes())
            lost = [*losses(source, sidecar), *unseen_losses(sidecar)]
        except (OSError, ValueError) as error:
            return f"its copy cannot be read: {error}"
        names = {LossKind.NAMES} if refused_name(asset.name) else set()
        kinds = ({loss.kind for loss in lost} | names) - HARMLESS - self.accepted
        return f"a restore would lose {', '.join(sorted(kinds))}" if kinds else ""

    def _flaws(self, asset: LedgerAsset) -> str:
        """Return what is wrong with its copy, of which every byte is read now."""
        (found,) = self.checker.read([asset])
        return "; ".join(str(flaw) for flaw in found.flaws)

    def _differs(self, asset: LedgerAsset) -> str:
        """Return why it is not at Earth Engine what was mirrored."""
        now = self.earth_engine.find_asset(asset.name)
        if now is None:
            return "it is not at Earth Engine any more, or not yours"
        if now.type != asset.type or (not asset.is_container and now.revision != asset.revision):
            return "it has changed at Earth Engine since it was mirrored"
        if asset.is_container and any(page for page in self.earth_engine.list_children(now.name)):
            return "it still holds assets at Earth Engine"
        return ""

    def _delete(self, asset: LedgerAsset) -> str:
        now = self.checker.context.clock
        try:
            mark = _mark(asset, now())
        except (OSError, RemoteError) as error:
            return f"its copy cannot be marked as the only one: {error}"
        self.freed.intend(asset, self.accepted, mark, now())
        try:
            self.earth_engine.delete_asset(asset.name)
        except RemoteError as error:
            status = error.status or HTTPStatus.INTERNAL_SERVER_ERROR
            if status < HTTPStatus.INTERNAL_SERVER_ERROR and error.cause != Cause.GONE:
                self.freed.withdraw(asset)
                with folder(Path(asset.dest), asset.path, create=False) as place:
                    place.remove(FREED_JSON)
            return str(error)
        self.freed.done(asset, now())
        self.ledger.record([Move(asset, SourceFreed(FREED))], now())
        log.info("asset_freed", asset=asset.name, size_bytes=asset.size_bytes)
        return ""


def _mark(asset: LedgerAsset, now: datetime) -> KeptFile:
    """Mark a copy as the only one, in a file beside it: nothing may replace it."""
    mark = {"asset": asset.name, "revision": asset.revision, "freed_at": now.isoformat()}
    with folder(Path(asset.dest), asset.path, create=False) as place:
        place.write(FREED_JSON, json.dumps(mark).encode())
        place.sync()
        return place.look(FREED_JSON)
