"""Remember which images are to stay in the bucket, with assets that only point at them."""

from alembic import op

revision = "0010"
down_revision = "0009"

STATEMENT = "ALTER TABLE restoration ADD COLUMN form TEXT DEFAULT 'ingested' NOT NULL"


def upgrade() -> None:
    """Add the column."""
    op.execute(STATEMENT)
