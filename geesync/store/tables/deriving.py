"""The table of what people's own functions make: one row for each image of a job."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Column, Index, Integer, Table, Text

from geesync.domain.derive.lifecycle import DerivedState
from geesync.store.tables.columns import Packed, life_columns
from geesync.store.tables.schema import metadata

#: A result: identity is (job, source, its revision, expression).
derived = Table(
    "derived",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("job", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("revision", Text, nullable=False),
    Column("expression", Text, nullable=False),  # hash of what the function said
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
