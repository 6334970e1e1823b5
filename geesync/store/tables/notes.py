"""The tables of what is noted on the way: events, samples, and what processes tell each other."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text

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

#: What processes tell each other: the daemon's heartbeat, what people asked for.
setting = Table(
    "setting",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("at", Instant, nullable=False),
)
