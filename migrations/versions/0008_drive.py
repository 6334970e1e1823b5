"""Have what is staged in Drive found as fast as what is staged in buckets."""

from alembic import op

revision = "0008"
down_revision = "0007"

STATEMENTS = (
    "DROP INDEX ix_asset_bucket",
    """
CREATE INDEX ix_asset_bucket ON asset (state, priority DESC) WHERE state = 'discovered' AND coalesce(way, 'bucket') <> 'direct'
""",
    "DROP INDEX ix_file_unswept",
    "CREATE INDEX ix_file_unswept ON file (task_id) WHERE swept_at IS NULL AND way <> 'direct'",
    "CREATE INDEX ix_task_drive ON task (destination) WHERE destination_kind = 'drive'",
)


def upgrade() -> None:
    """Make the indexes."""
    for statement in STATEMENTS:
        op.execute(statement)
