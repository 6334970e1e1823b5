"""How copies that a mirror already has get into a new ledger: to be proved, not to be exported."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from geesync.domain.assets import SourceAsset
from geesync.domain.coverage import StoredObject
from geesync.domain.exports import Ask, Part
from geesync.domain.lifecycle import Recovered
from geesync.store import schema
from geesync.store.database import Database
from geesync.store.exports import part_id
from geesync.store.intake import insert
from geesync.store.ledger import LedgerAsset, Move, read_asset, record_in, select_assets
from geesync.store.roots import Root


@dataclass(frozen=True)
class CopiedPart:
    """One part that is on disk."""

    part: Part
    attempt: int
    bucket: str
    prefix: str  #: of its objects' names
    objects: tuple[StoredObject, ...]  #: each in a file of the same name


@dataclass(frozen=True)
class Copy:
    """An asset's copy, as its sidecars tell of it."""

    source: SourceAsset
    path: str  #: folder relative to the mirror
    parts: tuple[CopiedPart, ...]


def restore(database: Database, root: Root, copies: Sequence[Copy], now: datetime) -> int:
    """Take in copies that are on disk, in one transaction; return how many.

    Names that the ledger has, and folders that are not those of their assets, are left alone.
    """
    table = schema.asset
    names = [copy.source.name for copy in copies]
    with database.write() as connection:
        query = sa.select(table.c.name).where(table.c.name.in_(names))
        known = set(connection.execute(query).scalars())
        new = {copy.source.name: copy for copy in copies if copy.source.name not in known}
        insert(connection, root.id, [copy.source for copy in new.values()], 0, now)
        rows = connection.execute(select_assets().where(table.c.name.in_(list(new))))
        there = [asset for asset in map(read_asset, rows) if asset.path == new[asset.name].path]
        for asset in there:
            for copied in new[asset.name].parts:
                _restore_part(connection, asset, copied, now)
        return len(record_in(connection, [Move(asset, Recovered()) for asset in there], now))


def _restore_part(
    connection: sa.Connection, asset: LedgerAsset, copied: CopiedPart, now: datetime
) -> None:
    """Note an export that succeeded under another ledger, and its files.

    Its operation is not noted: nobody asks for it again, and ids that lie must not collide.
    """
    ask = Ask(asset.name, asset.revision, copied.part, copied.attempt, "recovered")
    export = sa.insert(schema.export).values(
        asset_id=asset.id,
        part=part_id(copied.part),
        attempt=copied.attempt,
        plan=json.dumps(copied.part.to_json()),
        revision=asset.revision,
        token=ask.token,
        body_hash="",  # the old ledger's request cannot be made again
        bucket=copied.bucket,
        prefix=copied.prefix,
        state="succeeded",
        intended_at=now,
        ended_at=now,
    )
    (export_id,) = connection.execute(export).inserted_primary_key or (None,)
    rows = [
        {
            "export_id": export_id,
            "name": one.name,
            "generation": one.generation,
            "size_bytes": one.size_bytes,
            "crc32c": one.crc32c,
            "file": one.file_name,
            "landed_at": now,
            "swept_at": now,  # what is left in the bucket is not this ledger's to delete
        }
        for one in copied.objects
    ]
    connection.execute(sa.insert(schema.stored), rows)
