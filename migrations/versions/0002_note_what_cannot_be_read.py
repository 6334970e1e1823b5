"""Note what Earth Engine lists and does not let be read; count by root what is left out.

And find when what failed is tried again, without looking at each.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = (
    """
CREATE TABLE unreadable (
    asset_id INTEGER NOT NULL,
    why TEXT NOT NULL,
    CONSTRAINT pk_unreadable PRIMARY KEY (asset_id),
    CONSTRAINT fk_unreadable_asset_id_asset FOREIGN KEY(asset_id) REFERENCES asset (id)
        ON DELETE CASCADE
)
""",
    "DROP INDEX ix_asset_trouble",
    """
CREATE INDEX ix_asset_trouble ON asset (cause, state, not_before) WHERE cause IS NOT NULL
""",
    "DROP TRIGGER trouble_insert",
    "DROP TRIGGER trouble_delete",
    "DROP TRIGGER left_out_update",
    "DELETE FROM trouble WHERE kind = 'left_out'",
    """
INSERT INTO trouble (kind, state, assets)
SELECT 'left_out', CAST(root_id AS TEXT), count(*) FROM asset WHERE left_out IS NOT NULL
GROUP BY root_id
""",
    """
CREATE TRIGGER trouble_insert AFTER INSERT ON asset
BEGIN
    INSERT INTO trouble (kind, state, assets)
    SELECT NEW.cause, NEW.state, 1 WHERE NEW.cause IS NOT NULL
    ON CONFLICT DO UPDATE SET assets = assets + 1;

    INSERT INTO trouble (kind, state, assets)
    SELECT 'left_out', CAST(NEW.root_id AS TEXT), 1 WHERE NEW.left_out IS NOT NULL
    ON CONFLICT DO UPDATE SET assets = assets + 1;
 END
""",
    """
CREATE TRIGGER trouble_delete AFTER DELETE ON asset
BEGIN
    UPDATE trouble SET assets = assets - 1 WHERE kind = OLD.cause AND state = OLD.state;

    UPDATE trouble SET assets = assets - 1
    WHERE kind = 'left_out' AND state = CAST(OLD.root_id AS TEXT) AND OLD.left_out IS NOT NULL;
 END
""",
    """
CREATE TRIGGER left_out_update AFTER UPDATE OF left_out, root_id ON asset WHEN coalesce(OLD.left_out, NEW.left_out) IS NOT NULL
BEGIN
    UPDATE trouble SET assets = assets - 1
    WHERE kind = 'left_out' AND state = CAST(OLD.root_id AS TEXT) AND OLD.left_out IS NOT NULL;

    INSERT INTO trouble (kind, state, assets)
    SELECT 'left_out', CAST(NEW.root_id AS TEXT), 1 WHERE NEW.left_out IS NOT NULL
    ON CONFLICT DO UPDATE SET assets = assets + 1;
 END
""",
)


def upgrade() -> None:
    """Make the table, the index and the triggers."""
    for statement in STATEMENTS:
        op.execute(statement)
