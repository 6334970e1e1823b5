"""Remember what people's own functions make of images, and how far it is."""

from alembic import op

revision = "0005"
down_revision = "0004"

STATEMENTS = (
    """
CREATE TABLE derived (
    id INTEGER NOT NULL,
    job TEXT NOT NULL,
    source TEXT NOT NULL,
    revision TEXT NOT NULL,
    expression TEXT NOT NULL,
    target TEXT NOT NULL,
    request BLOB NOT NULL,
    in_flight INTEGER NOT NULL,
    state TEXT NOT NULL,
    version INTEGER DEFAULT '0' NOT NULL,
    failures INTEGER DEFAULT '0' NOT NULL,
    not_before FLOAT,
    cause TEXT,
    reason TEXT,
    moved_at FLOAT NOT NULL,
    CONSTRAINT pk_derived PRIMARY KEY (id),
    CONSTRAINT ck_derived_state CHECK (state IN ('planned', 'exporting', 'made', 'quarantined', 'cancelled')),
    CONSTRAINT ck_derived_quarantine_has_cause CHECK (state <> 'quarantined' OR cause IS NOT NULL)
)
""",
    """
CREATE INDEX ix_derived_due ON derived (state, job)
""",
    """
CREATE UNIQUE INDEX uq_derived_target ON derived (target) WHERE state <> 'cancelled'
""",
)


def upgrade() -> None:
    """Make the table."""
    for statement in STATEMENTS:
        op.execute(statement)
