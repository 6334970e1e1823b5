"""Remember what was deleted at Earth Engine on a person's word, its copy being proved."""

from alembic import op

revision = "0006"
down_revision = "0005"

STATEMENT = """
CREATE TABLE freed (
    asset_id INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    accepted TEXT NOT NULL,
    asked_at FLOAT NOT NULL,
    deleted_at FLOAT,
    CONSTRAINT pk_freed PRIMARY KEY (asset_id),
    CONSTRAINT fk_freed_asset_id_asset FOREIGN KEY(asset_id) REFERENCES asset (id) ON DELETE CASCADE
)
 WITHOUT ROWID
"""


def upgrade() -> None:
    """Make the table."""
    op.execute(STATEMENT)
