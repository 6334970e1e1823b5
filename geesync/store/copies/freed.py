"""What was freed: deleted at Earth Engine on a person's word, its copy here the only one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa

from geesync.domain.mirror.checking import KeptFile
from geesync.domain.mirror.layout import FREED_JSON
from geesync.domain.restore.losses import LossKind
from geesync.store.copies.checks import Scope
from geesync.store.file.database import Records
from geesync.store.file.rows import insert_rows
from geesync.store.ledger.ledger import LedgerAsset, read_asset, select_assets
from geesync.store.tables import schema
from geesync.store.tables.making import freed


class Freed(Records):
    """Remembers what was freed, from before it is."""

    def candidates(self, scope: Scope) -> list[LedgerAsset]:
        """Return what is verified within a scope, what lies deepest first."""
        table = schema.asset
        query = select_assets().where(table.c.state == "verified", scope.within())
        found = self._database.select(query, read_asset)
        return sorted(found, key=lambda asset: (-asset.name.count("/"), asset.name))

    def intend(
        self, asset: LedgerAsset, accepted: Iterable[LossKind], mark: KeptFile, now: datetime
    ) -> None:
        """Note that an asset is about to be deleted at Earth Engine; mark: beside its copy."""
        row = {
            "asset_id": asset.id,
            "size_bytes": asset.size_bytes,
            "accepted": json.dumps(sorted(accepted)),
            "asked_at": now,
        }
        with self._database.write() as connection:
            insert_rows(connection, freed, [row], instead="REPLACE")
            beside = {"asset_id": asset.id, **vars(mark)}
            insert_rows(connection, schema.sidecar, [beside], instead="REPLACE")

    def done(self, asset: LedgerAsset, now: datetime) -> None:
        """Note that it is deleted there."""
        of_asset = sa.update(freed).where(freed.c.asset_id == asset.id)
        self._database.execute(of_asset.values(deleted_at=now))

    def withdraw(self, asset: LedgerAsset) -> None:
        """Note that it is not deleted there after all: Earth Engine refused."""
        with self._database.write() as connection:
            connection.execute(sa.delete(freed).where(freed.c.asset_id == asset.id))
            beside = schema.sidecar.c
            is_mark = (beside.asset_id == asset.id, beside.name == FREED_JSON)
            connection.execute(sa.delete(schema.sidecar).where(*is_mark))

    def total(self) -> tuple[int, int]:
        """Return how many assets were freed, and how many bytes that gave back."""
        query = sa.select(
            sa.func.count().label("assets"),
            sa.func.coalesce(sa.func.sum(freed.c.size_bytes), 0).label("size_bytes"),
        ).where(freed.c.deleted_at.is_not(None))
        (row,) = self._database.rows(query)
        return row.assets, row.size_bytes
