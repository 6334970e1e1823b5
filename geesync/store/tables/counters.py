"""The tables of counters; triggers keep them, so that no question reads all assets."""

from __future__ import annotations

from sqlalchemy import Column, Float, Integer, Table, Text

from geesync.store.tables.schema import metadata

#: Degrees a side of a cell of the map's grid, and cells around the Earth.
CELL_DEG = 2
CELLS_AROUND = 360 // CELL_DEG

#: Counts and bytes by root, type and state; kept by triggers, so that no question reads all assets.
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
#: those of which something cannot be taken as files; kept by triggers.
trouble = Table(
    "trouble",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("state", Text, primary_key=True),
    Column("assets", Integer, nullable=False),
    sqlite_with_rowid=False,
)

#: Assets by cell of the map (where their boxes have their centres) and state; kept by triggers.
cell = Table(
    "cell",
    metadata,
    Column("root_id", Integer, primary_key=True),
    Column("cell", Integer, primary_key=True),
    Column("state", Text, primary_key=True),
    Column("assets", Integer, nullable=False),
    sqlite_with_rowid=False,
)

#: What ever happened, added up; kept by triggers, so that it only grows and costs no scan.
total = Table(
    "total",
    metadata,
    Column("name", Text, primary_key=True),
    Column("label", Text, primary_key=True),
    Column("value", Float, nullable=False),
    sqlite_with_rowid=False,
)
