"""The objects that came of tasks: in the bucket, on disk, or both."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from geesync.domain.mirror.coverage import StoredObject
from geesync.domain.mirror.lifecycle import State
from geesync.domain.tasks.lifecycle import LIVE, TaskState
from geesync.store.file.database import Database
from geesync.store.file.rows import change_rows
from geesync.store.ledger.tasks import Task, read_task
from geesync.store.tables import schema

#: Found once: for SQLAlchemy to look how the tables belong together takes as long as ten rows.
_OF_EXPORTS = schema.export.join(schema.stored).join(schema.asset)


@dataclass(frozen=True)
class Staged:
    """An object of a task: in the bucket, on disk, or both."""

    id: int
    task: Task
    obj: StoredObject
    file: str  #: its final name in the asset's folder
    landed: bool  #: every byte is on disk
    swept: bool = False  #: the bucket is not asked for it any more
    sha256: str | None = None  #: of its file, hexadecimal; known once that was read through


class Staging:
    """Where the objects of our exports are, and which may be deleted from the bucket."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def staged(self, asset_ids: Iterable[int]) -> dict[int, list[Staged]]:
        """Return the objects of each asset's live exports, by file name."""
        ids = list(asset_ids)
        found: dict[int, list[Staged]] = {asset_id: [] for asset_id in ids}
        wanted = schema.export.c.asset_id.in_(ids) & schema.export.c.state.in_(LIVE)
        for staged in self._staged(wanted, limit=None):
            found[staged.task.subject_id].append(staged)
        return found

    def sweepable(self, *, limit: int, held: Collection[int] = ()) -> list[Staged]:
        """Return staged objects whose copy is proved: their asset is verified with this export.

        held: ids of objects that are left alone.
        """
        wanted = (
            schema.stored.c.swept_at.is_(None)
            & schema.stored.c.id.not_in(held)
            & (schema.export.c.state == TaskState.SUCCEEDED)
            # "+" keeps SQLite from reading all verified assets for the few that are still staged.
            & (sa.literal_column("+asset.state") == State.VERIFIED)
        )
        return self._staged(wanted, limit=limit)

    def superseded(self, tokens: Collection[str]) -> set[str]:
        """Return which of these are of exports that ended badly, of assets verified without."""
        export, asset = schema.export, schema.asset
        query = (
            sa.select(export.c.token)
            .join(asset, asset.c.id == export.c.asset_id)
            .where(export.c.token.in_(tokens), export.c.state.not_in(LIVE))
            .where(asset.c.state == State.VERIFIED)
        )
        with self._database.read() as connection:
            return set(connection.execute(query).scalars())

    def buckets(self) -> list[str]:
        """Return every bucket in which an export was ever to be staged."""
        with self._database.read() as connection:
            return list(connection.execute(sa.select(schema.root.c.bucket).distinct()).scalars())

    def _staged(self, wanted: sa.ColumnElement[bool], *, limit: int | None) -> list[Staged]:
        stored = schema.stored
        query = (
            sa.select(
                schema.export,
                stored.c.id.label("object_id"),
                (schema.export.c.prefix + stored.c.suffix).label("name"),
                *(stored.c.generation, stored.c.size_bytes, stored.c.crc32c),
                *(stored.c.file, stored.c.landed_at, stored.c.swept_at, stored.c.sha256),
            )
            .select_from(_OF_EXPORTS)
            .where(wanted)
            .order_by(stored.c.export_id, stored.c.file)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [_staged(row) for row in connection.execute(query)]

    def mark(self, column: str, object_ids: Iterable[int], now: datetime | None) -> None:
        """Note objects as ``landed_at`` (on disk) or ``swept_at`` (deleted from the bucket).

        No time takes it back: the file is not on disk any more.
        """
        ids = list(object_ids)
        if ids:
            with self._database.write() as connection:
                connection.execute(
                    sa.update(schema.stored)
                    .where(schema.stored.c.id.in_(ids))
                    .values({column: now})
                )

    def note_sha256(self, sha256: Mapping[int, str]) -> None:
        """Note the hexadecimal SHA-256 of objects' files, by id: each was read, every byte."""
        if sha256:
            with self._database.write() as connection:
                changes = {key: {"sha256": digest} for key, digest in sha256.items()}
                change_rows(connection, schema.stored, changes)


def _staged(row: sa.Row[Any]) -> Staged:
    return Staged(
        id=row.object_id,
        task=read_task(row),
        obj=StoredObject(row.name, row.generation, row.size_bytes, row.crc32c),
        file=row.file,
        landed=row.landed_at is not None,
        swept=row.swept_at is not None,
        sha256=row.sha256,
    )
