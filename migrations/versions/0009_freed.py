"""Remember what was freed as such, not as gone.

A state more is a CHECK that names it. SQLite changes none without writing the table anew, except so:
https://www.sqlite.org/lang_altertable.html#making_other_kinds_of_table_schema_changes
"""

from alembic import op

revision = "0009"
down_revision = "0008"

OLD = "'quarantined', 'gone', 'excluded'"
NEW = "'quarantined', 'gone', 'freed', 'excluded'"

STATEMENTS = (
    "DROP INDEX ix_asset_uncatalogued",
    "DROP INDEX ix_asset_checked",
    """
CREATE INDEX ix_asset_uncatalogued ON asset (id) WHERE state IN ('verified', 'gone', 'freed') AND catalogued_version IS NOT version
""",
    """
CREATE INDEX ix_asset_checked ON asset (checked_at) WHERE state IN ('verified', 'gone', 'freed')
""",
    """
UPDATE asset SET state = 'freed' WHERE state = 'gone' AND id IN (SELECT asset_id FROM freed WHERE deleted_at IS NOT NULL)
""",
)


def upgrade() -> None:
    """Name the state in the table's CHECK, and in the indexes of what has a copy."""
    connection = op.get_bind()
    (version,) = connection.exec_driver_sql("PRAGMA schema_version").one()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    connection.exec_driver_sql(
        "UPDATE sqlite_schema SET sql = replace(sql, ?, ?) WHERE type = 'table' AND name = 'asset'",
        (OLD, NEW),
    )
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")
    for statement in STATEMENTS:
        op.execute(statement)
