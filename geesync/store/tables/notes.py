"""The tables of events, samples, counters and settings.

Triggers, which the migrations make, keep the counters: no question reads all assets.
"""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, Table, Text

from geesync.store.tables.columns import Instant
from geesync.store.tables.schema import metadata

#: What happened to an asset; of those at rest, what is old is forgotten.
event = Table(
    "event",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("asset_id", ForeignKey("asset.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("name", Text, nullable=False),
    Column("from_state", Text),
    Column("to_state", Text, nullable=False),
    Column("detail", Text),
    Index("ix_event_asset", "asset_id"),
)

#: How it stood, now and then: what the curves of the status page are drawn from.
sample = Table(
    "sample",
    metadata,
    Column("at", Instant, primary_key=True),
    Column("told", Text, nullable=False),  # JSON
)

#: What processes share: the daemon's heartbeat, what people asked for.
setting = Table(
    "setting",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

#: Degrees a side of a cell of the map's grid, and cells around the Earth.
CELL_DEG = 2
CELLS_AROUND = 360 // CELL_DEG

#: Counts and bytes by root, type and state.
tally = Table(
    "tally",
    metadata,
    Column("root_id", Integer, primary_key=True),
    Column("type", Text, primary_key=True),
    Column("state", Text, primary_key=True),
    Column("assets", Integer, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    sqlite_with_rowid=False,
)

#: Assets by the cause of their failure and state; as kind "left_out", with a root as state,
#: those of which something cannot be taken as files.
trouble = Table(
    "trouble",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("state", Text, primary_key=True),
    Column("assets", Integer, nullable=False),
    sqlite_with_rowid=False,
)

#: Assets by cell of the map (where their boxes have their centres) and state.
cell = Table(
    "cell",
    metadata,
    Column("root_id", Integer, primary_key=True),
    Column("cell", Integer, primary_key=True),
    Column("state", Text, primary_key=True),
    Column("assets", Integer, nullable=False),
    sqlite_with_rowid=False,
)

#: What ever happened, added up; it only grows.
total = Table(
    "total",
    metadata,
    Column("name", Text, primary_key=True),
    Column("label", Text, primary_key=True),
    Column("value", Float, nullable=False),
    sqlite_with_rowid=False,
)
