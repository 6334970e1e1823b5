"""The tables of the ledger, and the rules that the database itself refuses to break."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text
from sqlalchemy.types import Float

from geesync.domain.tasks.exports import Way
from geesync.domain.tasks.lifecycle import IN_FLIGHT, LIVE, SubjectKind
from geesync.store.tables.columns import Digest, Instant, Packed, is_among
from geesync.store.tables.states import (
    ASSET_COPIED,
    ASSET_STATES,
    DESTINATION_KINDS,
    SUBJECT_KINDS,
    TASK_IN_FLIGHT,
    TASK_KINDS,
    TASK_LIVE,
    TASK_STATES,
    WAYS,
)

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


#: What people asked to be mirrored.
root = Table(
    "root",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("dest", Text, nullable=False),  # absolute folder of this root's mirror
    Column("bucket", Text, nullable=False),
    Column("options", Text, nullable=False, server_default="{}"),  # JSON
    Column("interval_s", Float),  # between scans; null takes the configured one
    Column("added_at", Instant, nullable=False),
    Column("removed_at", Instant),  # dequeued: no longer watched, nothing deleted
    Column("next_scan_at", Instant, nullable=False),
    Column("scanned_at", Instant),  # end of the last complete scan
    Column("excluded", Integer, nullable=False, server_default="0"),  # left out by that scan
    Column("alarm", Text),  # why the last scan was not believed
    Column("quota", Text),  # JSON, as Earth Engine returns it
    Column("paused_at", Instant),  # nothing new is begun for it
)

#: The assets whose STAC documents are missing or outdated. Queries must use this
#: very text, so that SQLite finds the index.
UNCATALOGUED = f"state IN ({ASSET_COPIED}) AND catalogued_version IS NOT version"

#: The assets whose proved files are on disk: of what is gone, those of the last that was proved.
ON_DISK = f"asset.state IN ({ASSET_COPIED}) AND asset.verified_revision IS NOT NULL"

#: The discovered assets that may come directly, or by tasks: those with a plan for it, and those
#: without a plan. Queries must use this very text, so that SQLite finds the index.
MAY_COME = {
    Way.DIRECT: "state = 'discovered' AND coalesce(asset.way, 'direct') = 'direct'",
    Way.BUCKET: "state = 'discovered' AND coalesce(asset.way, 'bucket') <> 'direct'",
}

asset = Table(
    "asset",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("root_id", ForeignKey("root.id"), nullable=False),
    Column("name", Text, nullable=False, unique=True),
    Column("parent_id", ForeignKey("asset.id")),  # its container, if that is known
    Column("type", Text, nullable=False),
    # Case-insensitive: two assets must not share a folder on any file system.
    Column("path", Text(collation="NOCASE"), nullable=False, unique=True),
    Column("revision", Text, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("version", Integer, nullable=False, server_default="0"),  # compare-and-set
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("not_before", Instant),
    Column("cause", Text),
    Column("reason", Text),
    Column("left_out", Text),  # what of it cannot be taken as files, and why
    # Dates that the catalogue shows; kept here because old events are deleted.
    Column("seen_at", Instant, nullable=False),  # first
    Column("proved_at", Instant),  # first
    Column("gone_at", Instant),  # last
    Column("verified_revision", Text),
    Column("verified_at", Instant),  # last
    Column("checked_at", Instant),  # every byte on disk was read, and was right
    # Its footprint's box in degrees; east exceeds 180 where it crosses the date line.
    Column("west", Float),
    Column("south", Float),
    Column("east", Float),
    Column("north", Float),
    Column("catalogued_version", Integer),  # the version that its STAC document shows
    Column("extent", Text),  # JSON: what a collection's catalogued images cover; only grows
    Column("way", Text),  # of its current plan, if it has one; triggers keep it
    Column("delays", Integer, nullable=False, server_default="0"),  # one after another
    CheckConstraint(f"state IN ({ASSET_STATES})", name="state"),
    CheckConstraint("state <> 'quarantined' OR cause IS NOT NULL", name="quarantine_has_cause"),
    CheckConstraint("state <> 'verified' OR verified_at IS NOT NULL", name="verified_has_time"),
    CheckConstraint("failures >= 0", name="failures"),
    Index("ix_asset_parent", "parent_id"),
    Index("ix_asset_left_out", "id", sqlite_where=sa.text("left_out IS NOT NULL")),
    Index("ix_asset_cause", "cause", sqlite_where=sa.text("cause IS NOT NULL")),
    Index(
        "ix_asset_trouble",
        *("cause", "state", "not_before"),
        sqlite_where=sa.text("cause IS NOT NULL"),
    ),
    Index("ix_asset_due", "state", sa.text("priority DESC")),  # and by id, as every index
    *(
        Index(
            f"ix_asset_{way}",
            *("state", sa.text("priority DESC")),
            sqlite_where=sa.text(may_come.replace("asset.", "")),
        )
        for way, may_come in MAY_COME.items()
    ),
    Index("ix_asset_uncatalogued", "id", sqlite_where=sa.text(UNCATALOGUED)),
    Index("ix_asset_checked", "checked_at", sqlite_where=sa.text(f"state IN ({ASSET_COPIED})")),
)


def below(column: sa.ColumnElement[str], container: str) -> sa.ColumnElement[bool]:
    """Return whether a name or path lies below another; 0 follows / where names are sorted."""
    return (column > f"{container}/") & (column < f"{container}0")


def within(name: str) -> sa.ColumnElement[bool]:
    """Return whether an asset is this one, or lies below it."""
    return (asset.c.name == name) | below(asset.c.name, name)


#: What Earth Engine said of an asset, verbatim; apart, so that counting and
#: listing assets does not read it.
source = Table(
    "source",
    metadata,
    Column("asset_id", ForeignKey("asset.id", ondelete="CASCADE"), primary_key=True),
    Column("json", Packed, nullable=False),
)

#: What the last scan could not read, or could not list what lies in it, whatever stands of it here.
unreadable = Table(
    "unreadable",
    metadata,
    Column("asset_id", ForeignKey("asset.id", ondelete="CASCADE"), primary_key=True),
    Column("why", Text, nullable=False),  # what was answered
)

#: How a revision of an asset comes home: made once, and replaced only by a deliberate event.
plan = Table(
    "plan",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("asset_id", ForeignKey("asset.id"), nullable=False),
    Column("revision", Text, nullable=False),
    Column("options", Digest, nullable=False),  # hash of those that it was made under
    Column("way", Text, nullable=False, server_default=Way.BUCKET),  # by which its parts come
    Column("document", LargeBinary, nullable=False),  # packed: parts, what is left out, lessons
    Column("made_at", Instant, nullable=False),
    Column("replaced_at", Instant),  # or to be replaced, when it is next looked at
    CheckConstraint(f"way IN ({WAYS})", name="way"),
    Index("ix_plan_asset", "asset_id"),
    Index("uq_plan_current", "asset_id", unique=True, sqlite_where=sa.text("replaced_at IS NULL")),
)

#: One thing that Earth Engine is asked to do in the background; written before it is asked.
task = Table(
    "task",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("subject_kind", Text, nullable=False),  # for whom: an asset of the mirror, …
    Column("subject_id", Integer, nullable=False),  # in the table of its kind
    Column("subject", Text, nullable=False),  # its name
    Column("revision", Text, nullable=False),  # of the subject
    Column("kind", Text, nullable=False),  # the method that is called
    Column("plan_id", ForeignKey("plan.id")),
    Column("part", Text, nullable=False, server_default=""),  # of the plan, or of the subject
    Column("attempt", Integer, nullable=False),
    Column("token", Text, nullable=False, unique=True),
    Column("body", Packed),  # of the request; null where plan and token make it again
    Column("body_hash", Digest, nullable=False),
    Column("destination_kind", Text, nullable=False),
    Column("destination", Text, nullable=False),  # a bucket, a folder of Drive, or an asset
    Column("prefix", Text, nullable=False, server_default=""),  # of the names in a bucket or folder
    Column("operation", Text),  # last path segment of its name
    Column("state", Text, nullable=False),
    Column("intended_at", Instant, nullable=False),
    Column("ended_at", Instant),  # when we first saw that its operation had ended
    Column("cause", Text),  # of its failure
    Column("error", Text),
    Column("eecu_s", Float),
    CheckConstraint(f"state IN ({TASK_STATES})", name="state"),
    CheckConstraint("state <> 'running' OR operation IS NOT NULL", name="running_is_known"),
    CheckConstraint(f"subject_kind IN ({SUBJECT_KINDS})", name="subject_kind"),
    CheckConstraint(f"kind IN ({TASK_KINDS})", name="kind"),
    CheckConstraint(f"destination_kind IN ({DESTINATION_KINDS})", name="destination_kind"),
    CheckConstraint("subject_kind <> 'asset' OR plan_id IS NOT NULL", name="asset_has_plan"),
    Index(
        "uq_task_live",
        "subject_kind",
        "subject_id",
        "part",
        unique=True,
        sqlite_where=sa.text(f"state IN ({TASK_LIVE})"),
    ),
    Index(
        "uq_task_operation",
        "operation",
        unique=True,
        sqlite_where=sa.text(f"state IN ({TASK_IN_FLIGHT})"),
    ),
    Index("ix_task_state", "state", sqlite_where=sa.text(f"state IN ({TASK_IN_FLIGHT})")),
    Index("ix_task_subject", "subject_kind", "subject_id"),
    Index("ix_task_drive", "destination", sqlite_where=sa.text("destination_kind = 'drive'")),
)


def in_flight() -> sa.ColumnElement[bool]:
    """Return whether a task is in flight, in words that let SQLite see which index has those."""
    states: sa.BindParameter[tuple[str, ...]] = sa.bindparam(
        "in_flight", IN_FLIGHT, expanding=True, literal_execute=True
    )
    return task.c.state.in_(states)


def of_assets(asset_ids: Iterable[int]) -> sa.ColumnElement[bool]:
    """Return whether a task works for one of these assets of the mirror."""
    return (task.c.subject_kind == SubjectKind.ASSET) & is_among(task.c.subject_id, asset_ids)


#: A file of an asset's copy: its bytes in the bucket, on disk, or both.
file = Table(
    "file",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("plan_id", ForeignKey("plan.id"), nullable=False),
    Column("part", Text, nullable=False),  # of the plan
    Column("task_id", ForeignKey("task.id")),  # that brought it; none where no task was needed
    Column("way", Text, nullable=False),  # by which its bytes came
    Column("name", Text, nullable=False),  # its final one, in the asset's folder
    Column("suffix", Text),  # of the object's name, behind its task's prefix; whole without a task
    Column("generation", Integer),  # of the object
    Column("size_bytes", Integer, nullable=False),
    Column("crc32c", Integer, nullable=False),  # 0 of one from Drive until it is proved
    Column("sha256", Digest),  # of the proved file, or as Drive reports it
    Column("landed_at", Instant),  # on disk, every byte, fsynced
    Column("swept_at", Instant),  # the staged copy is deleted
    Column("voided_at", Instant),  # of no use any more; for a file of a task see the task's state
    Column("md5", Digest),  # of the object, where the source has no other checksum
    CheckConstraint(f"way IN ({WAYS})", name="way"),
    CheckConstraint("way <> 'bucket' OR generation IS NOT NULL", name="object_is_pinned"),
    CheckConstraint("way <> 'direct' OR task_id IS NULL", name="direct_needs_no_task"),
    CheckConstraint("swept_at IS NULL OR landed_at IS NOT NULL", name="swept_after_landed"),
    Index("uq_file_plan_id_task_id_name", "plan_id", "task_id", "name", unique=True),
    Index(
        "ix_file_unswept", "task_id", sqlite_where=sa.text("swept_at IS NULL AND way <> 'direct'")
    ),
)


def live_file() -> sa.ColumnElement[bool]:
    """Return whether a file is of use, for queries that join its task where it has one."""
    return file.c.voided_at.is_(None) & (file.c.task_id.is_(None) | task.c.state.in_(LIVE))


#: What geesync itself wrote beside an asset's files, so that an edited one is noticed.
sidecar = Table(
    "sidecar",
    metadata,
    Column("asset_id", ForeignKey("asset.id"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("size_bytes", Integer, nullable=False),
    Column("crc32c", Integer, nullable=False),
    sqlite_with_rowid=False,
)
