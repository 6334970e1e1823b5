"""Remember with an asset by which way it comes, so that who takes one way finds what is his."""

from alembic import op

revision = "0007"
down_revision = "0006"

STATEMENTS = (
    "ALTER TABLE asset ADD COLUMN way TEXT",
    """
UPDATE asset SET way = (
    SELECT plan.way FROM plan WHERE plan.asset_id = asset.id AND plan.replaced_at IS NULL
)
""",
    """
CREATE INDEX ix_asset_direct ON asset (state, priority DESC) WHERE state = 'discovered' AND coalesce(way, 'direct') = 'direct'
""",
    """
CREATE INDEX ix_asset_bucket ON asset (state, priority DESC) WHERE state = 'discovered' AND coalesce(way, 'bucket') = 'bucket'
""",
    """
CREATE TRIGGER way_planned AFTER INSERT ON plan WHEN NEW.replaced_at IS NULL BEGIN UPDATE asset SET way = NEW.way WHERE id = NEW.asset_id; END
""",
    """
CREATE TRIGGER way_unplanned AFTER UPDATE OF replaced_at ON plan WHEN NEW.replaced_at IS NOT NULL BEGIN UPDATE asset SET way = NULL WHERE id = NEW.asset_id; END
""",
)


def upgrade() -> None:
    """Add the column, and have it follow the plans."""
    for statement in STATEMENTS:
        op.execute(statement)
