"""The table of what a person had deleted at Earth Engine after its copy was proved."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Integer, Table, Text

from geesync.store.tables.columns import Instant
from geesync.store.tables.schema import metadata

#: Written before the deletion is asked for, so that what was freed never looks vanished.
freed = Table(
    "freed",
    metadata,
    Column("asset_id", ForeignKey("asset.id", ondelete="CASCADE"), primary_key=True),
    Column("size_bytes", Integer, nullable=False),  # as Earth Engine counted them
    Column("accepted", Text, nullable=False),  # JSON: kinds of losses that a restore would have
    Column("asked_at", Instant, nullable=False),
    Column("deleted_at", Instant),
    sqlite_with_rowid=False,
)
