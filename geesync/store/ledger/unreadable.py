"""What the last scan could not read, or could not list what lies in it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import sqlalchemy as sa

from geesync.store.file.rows import insert_rows
from geesync.store.tables import schema


def note_unreadable(connection: sa.Connection, notes: Mapping[int, str]) -> None:
    """Write within a transaction why assets cannot be read, by id."""
    rows = [{"asset_id": key, "why": why} for key, why in notes.items()]
    insert_rows(connection, schema.unreadable, rows, instead="REPLACE")


def note_readable(connection: sa.Connection, asset_ids: Collection[int]) -> None:
    """Forget, within a transaction, that assets could not be read."""
    if asset_ids:
        table = schema.unreadable
        connection.execute(sa.delete(table).where(table.c.asset_id.in_(asset_ids)))
