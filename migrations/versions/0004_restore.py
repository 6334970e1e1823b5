"""Remember what is to be made again at Earth Engine, and how far it is."""

from alembic import op

revision = "0004"
down_revision = "0003"

STATEMENTS = (
    """
CREATE TABLE restoration (
    id INTEGER NOT NULL,
    source_root TEXT NOT NULL,
    target_root TEXT NOT NULL,
    bucket TEXT NOT NULL,
    accepted TEXT NOT NULL,
    prove TEXT NOT NULL,
    policies INTEGER NOT NULL,
    added_at FLOAT NOT NULL,
    CONSTRAINT pk_restoration PRIMARY KEY (id)
)
""",
    """
CREATE TABLE restored (
    id INTEGER NOT NULL,
    restoration_id INTEGER NOT NULL,
    mirror TEXT NOT NULL,
    path TEXT NOT NULL,
    source TEXT NOT NULL,
    target TEXT NOT NULL,
    type TEXT NOT NULL,
    revision TEXT NOT NULL,
    mark TEXT NOT NULL,
    depth INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    losses TEXT NOT NULL,
    manifest BLOB,
    report TEXT,
    state TEXT NOT NULL,
    version INTEGER DEFAULT '0' NOT NULL,
    failures INTEGER DEFAULT '0' NOT NULL,
    not_before FLOAT,
    cause TEXT,
    reason TEXT,
    moved_at FLOAT NOT NULL,
    CONSTRAINT pk_restored PRIMARY KEY (id),
    CONSTRAINT ck_restored_state CHECK (state IN ('planned', 'staged', 'importing', 'restored', 'proved', 'quarantined', 'cancelled')),
    CONSTRAINT ck_restored_quarantine_has_cause CHECK (state <> 'quarantined' OR cause IS NOT NULL),
    CONSTRAINT fk_restored_restoration_id_restoration FOREIGN KEY(restoration_id) REFERENCES restoration (id)
)
""",
    """
CREATE INDEX ix_restored_due ON restored (state, depth)
""",
    """
CREATE UNIQUE INDEX uq_restored_target ON restored (target) WHERE state <> 'cancelled'
""",
    """
CREATE TABLE restored_file (
    restored_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    bucket TEXT NOT NULL,
    generation INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    crc32c INTEGER NOT NULL,
    removed_at FLOAT,
    CONSTRAINT pk_restored_file PRIMARY KEY (restored_id, name),
    CONSTRAINT fk_restored_file_restored_id_restored FOREIGN KEY(restored_id) REFERENCES restored (id)
)
 WITHOUT ROWID
""",
)


def upgrade() -> None:
    """Make the tables."""
    for statement in STATEMENTS:
        op.execute(statement)
