"""The tables of restores, of what jobs make at Earth Engine, and of what was freed there."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text

from geesync.domain.derive.lifecycle import DerivedState
from geesync.domain.restore.lifecycle import RestoreState
from geesync.store.tables.columns import Instant, Packed, life_columns
from geesync.store.tables.schema import metadata

#: What one person asked for at one time.
restoration = Table(
    "restoration",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source_root", Text, nullable=False),
    Column("target_root", Text, nullable=False),
    Column("bucket", Text, nullable=False),
    Column("accepted", Text, nullable=False),  # JSON: kinds of losses
    Column("prove", Text, nullable=False),  # how thoroughly
    Column("policies", Integer, nullable=False),  # whether who may do what is restored, too
    Column("added_at", Instant, nullable=False),
    Column("form", Text, nullable=False, server_default="ingested"),  # of its images
)

#: An asset that is to be made again.
restored = Table(
    "restored",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("restoration_id", ForeignKey("restoration.id"), nullable=False),
    Column("mirror", Text, nullable=False),  # absolute
    Column("path", Text, nullable=False),  # of its folder, relative to the mirror
    Column("source", Text, nullable=False),  # its name, when it was mirrored
    Column("target", Text, nullable=False),  # its name, when it is made
    Column("type", Text, nullable=False),
    Column("revision", Text, nullable=False),
    Column("mark", Text, nullable=False),  # by which it is known to be ours
    Column("depth", Integer, nullable=False),  # containers are made first, the upper ones before
    Column("size_bytes", Integer, nullable=False),
    Column("losses", Text, nullable=False),  # JSON
    Column("manifest", Packed),  # once its files are uploaded
    Column("report", Text),  # JSON: what was compared
    *life_columns(RestoreState),
    Index(
        "uq_restored_target", "target", unique=True, sqlite_where=sa.text("state <> 'cancelled'")
    ),
    Index("ix_restored_due", "state", "depth"),
)

#: What was uploaded for an asset; removed from the bucket when it is proved, and never before.
restored_file = Table(
    "restored_file",
    metadata,
    Column("restored_id", ForeignKey("restored.id"), primary_key=True),
    Column("name", Text, primary_key=True),  # of the object
    Column("bucket", Text, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("crc32c", Integer, nullable=False),
    Column("removed_at", Instant),
    sqlite_with_rowid=False,
)

#: A result: identity is (job, source, its revision, expression).
derived = Table(
    "derived",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("revision", Text, nullable=False),
    Column("expression", Text, nullable=False),  # hash of the expression that the function returned
    Column("target", Text, nullable=False),
    Column("request", Packed, nullable=False),  # the export's body, but for id and description
    Column("in_flight", Integer, nullable=False),  # of its job, at most
    *life_columns(DerivedState),
    Index(
        "uq_derived_target",
        "target",
        unique=True,
        sqlite_where=sa.text(f"state <> '{DerivedState.CANCELLED}'"),
    ),
    Index("ix_derived_due", "state", "job"),
)

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
