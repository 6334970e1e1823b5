"""How a new ledger takes over what a lost one left: copies to be proved, exports to be followed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from geesync.domain.assets.asset import SourceAsset
from geesync.domain.mirror.coverage import StoredObject
from geesync.domain.mirror.layout import staged_prefix
from geesync.domain.mirror.lifecycle import Recovered, State
from geesync.domain.tasks.exports import Ask, Part
from geesync.domain.tasks.lifecycle import TaskState
from geesync.errors import Cause
from geesync.store.file.database import Database
from geesync.store.file.rows import insert_rows
from geesync.store.ledger.intake import insert, renew
from geesync.store.ledger.ledger import LedgerAsset, Move, read_asset, record_in, select_assets
from geesync.store.ledger.roots import Root
from geesync.store.ledger.tasks import kept_object, part_id
from geesync.store.tables import schema
from geesync.store.tables.packing import pack


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
    too_much: tuple[Part, ...] = ()  #: what could not be made in one piece before


@dataclass(frozen=True)
class Found:
    """What is left of an ask of a lost ledger."""

    asset: LedgerAsset
    ask: Ask
    prefix: str  #: of its objects' names
    operation: str | None
    objects: tuple[StoredObject, ...] = ()  #: all there are, where there is no operation
    has_failed: bool = False  #: the operation has


class Recovery:
    """Takes in what a lost ledger left. For a new or an old one, before anything works on it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def restore(self, root: Root, copies: Sequence[Copy], now: datetime) -> int:
        """Take in copies that are on disk, in one transaction; return how many.

        What the ledger has got further with, and folders that are not those of their assets, are
        left alone. A ledger that was put back knows less than the mirror.
        """
        told = {copy.source.name: copy for copy in copies}
        with self._database.write() as connection:
            known = _named(connection, told)
            new = [copy.source for name, copy in told.items() if name not in known]
            insert(connection, root.id, new, 0, now)
            newer = [asset for asset in known.values() if _is_newer(told[asset.name], asset)]
            renew(connection, [(asset, told[asset.name].source) for asset in newer], now)
            lacking = [
                asset
                for asset in _named(connection, told).values()
                if _is_lacking(told[asset.name], asset)
            ]
            moves = [Move(asset, Recovered()) for asset in lacking]
            taken = record_in(connection, moves, now)
            for asset in lacking:
                _note_too_much(connection, asset, told[asset.name].too_much, now)
                for copied in told[asset.name].parts:
                    _restore_part(connection, asset, copied, now)
            return len(taken)

    def discovered(self, *, after: int, limit: int) -> list[LedgerAsset]:
        """Return a page of the assets that nothing was asked for yet, by id."""
        table = schema.asset
        query = (
            select_assets()
            .where(table.c.state == State.DISCOVERED, table.c.id > after)
            .order_by(table.c.id)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [read_asset(row) for row in connection.execute(query)]

    def adopt(
        self,
        found: Sequence[Found],
        too_much: Sequence[tuple[LedgerAsset, tuple[Part, ...]]],
        now: datetime,
    ) -> None:
        """Note exports as asked for: those of an operation run, the others have succeeded.

        too_much: what could not be made in one piece before, by asset.
        """
        with self._database.write() as connection:
            for asset, parts in too_much:
                _note_too_much(connection, asset, parts, now)
            for one in found:
                state = TaskState.RUNNING if one.operation else TaskState.SUCCEEDED
                at = {"bucket": one.asset.bucket, "prefix": one.prefix}
                export_id = _insert_export(
                    connection, one.asset, one.ask, now, state, operation=one.operation, **at
                )
                _insert_objects(connection, export_id, one.prefix, one.objects)


#: In these nothing that is on disk is known.
_BEFORE_DISK = frozenset({State.DISCOVERED, State.EXPORTING, State.IN_BUCKET})


def _named(connection: sa.Connection, names: Collection[str]) -> dict[str, LedgerAsset]:
    query = select_assets().where(schema.asset.c.name.in_(list(names)))
    return {row.name: read_asset(row) for row in connection.execute(query)}


def _is_newer(copy: Copy, asset: LedgerAsset) -> bool:
    """Whether a copy is of a later revision than the ledger knows: times compare as texts."""
    has_time = "updateTime" in copy.source.json
    is_wanted = asset.standing.state != State.EXCLUDED
    return has_time and is_wanted and copy.source.revision > asset.revision


def _is_lacking(copy: Copy, asset: LedgerAsset) -> bool:
    """Whether the ledger lacks just this copy."""
    return asset.standing.state in _BEFORE_DISK and (asset.revision, asset.path) == (
        copy.source.revision,
        copy.path,
    )


def _note_too_much(
    connection: sa.Connection, asset: LedgerAsset, parts: Sequence[Part], now: datetime
) -> None:
    """Note exports that failed under another ledger, so that the plan is what it was there."""
    for attempt, part in enumerate(parts, start=1):
        ask = Ask(asset.name, asset.revision, part, attempt, "too much")
        prefix = staged_prefix(ask.token, asset.path, part.key)
        told = {"cause": Cause.PLAN, "error": "too much for one export, a lost ledger had found"}
        at = {"bucket": asset.bucket, "prefix": prefix}
        _insert_export(connection, asset, ask, now, TaskState.FAILED, operation=None, **at, **told)


def _restore_part(
    connection: sa.Connection, asset: LedgerAsset, copied: CopiedPart, now: datetime
) -> None:
    """Note an export that succeeded under another ledger, and its files.

    Its operation is not noted: nobody asks for it again, and ids that lie must not collide.
    """
    ask = Ask(asset.name, asset.revision, copied.part, copied.attempt, "recovered")
    at = {"bucket": copied.bucket, "prefix": copied.prefix}
    export_id = _insert_export(
        connection, asset, ask, now, TaskState.SUCCEEDED, operation=None, **at
    )
    # What is left of them in the bucket is not this ledger's to delete.
    _insert_objects(
        connection, export_id, copied.prefix, copied.objects, landed_at=now, swept_at=now
    )


def _insert_export(
    connection: sa.Connection,
    asset: LedgerAsset,
    ask: Ask,
    now: datetime,
    state: TaskState,
    **where: str | None,
) -> int:
    export = sa.insert(schema.export).values(
        asset_id=asset.id,
        part=part_id(ask.part),
        attempt=ask.attempt,
        plan=pack(ask.part.to_json()),
        revision=ask.revision,
        token=ask.token,
        body_hash="",  # the old ledger's request cannot be made again
        state=state,
        intended_at=now,
        ended_at=None if state == TaskState.RUNNING else now,
        **where,
    )
    (export_id,) = connection.execute(export).inserted_primary_key or (0,)
    return int(export_id)


def _insert_objects(
    connection: sa.Connection,
    export_id: int,
    prefix: str,
    objects: Sequence[StoredObject],
    **reached: datetime,
) -> None:
    rows = [
        {"export_id": export_id, "file": one.file_name, **kept_object(one, prefix), **reached}
        for one in objects
    ]
    insert_rows(connection, schema.stored, rows)
