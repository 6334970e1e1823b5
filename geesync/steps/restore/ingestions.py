"""What Earth Engine is asked to ingest of what is staged, and what means that it was."""

from __future__ import annotations

from geesync.domain.assets.asset import TABLE, SourceAsset
from geesync.domain.restore.manifests import MARK
from geesync.domain.state_machine import Differs, Event, Made
from geesync.domain.tasks.task import TaskKind
from geesync.errors import Cause
from geesync.steps.tasks.asset_maker import Ask
from geesync.store.making.restores import Restored


def ask(asset: Restored) -> Ask:
    """Return what is asked for to make an asset of what is staged."""
    if asset.manifest is not None and "expression" in asset.manifest:
        return Ask(TaskKind.TABLE_EXPORT, (asset.wanted.mark,), asset.manifest)
    is_table = asset.wanted.type == TABLE
    kind = TaskKind.TABLE_IMPORT if is_table else TaskKind.IMAGE_IMPORT
    body = {"tableManifest" if is_table else "imageManifest": asset.manifest}
    return Ask(kind, (asset.wanted.mark,), body)


def judge(asset: Restored, found: SourceAsset) -> Event:
    """Return what it means that something is at an asset's place."""
    if found.properties.get(MARK) == asset.wanted.mark:
        return Made()
    return Differs("another asset has its name", cause=Cause.FOREIGN)
