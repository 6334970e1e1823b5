"""Count how often the world has put an asset off, so that it is asked for less and less often."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add the column."""
    op.execute("ALTER TABLE asset ADD COLUMN delays INTEGER DEFAULT '0' NOT NULL")
