"""Count how often the world has put off what is made, as of assets; keep MD5s of objects."""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the columns."""
    for table in ("restored", "derived"):
        op.execute(f"ALTER TABLE {table} ADD COLUMN delays INTEGER DEFAULT '0' NOT NULL")
    op.execute("ALTER TABLE file ADD COLUMN md5 BLOB")
