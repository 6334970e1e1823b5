"""How Alembic reaches the ledger: over the connection that geesync hands it."""

from alembic import context

from geesync.store.tables import making, notes  # noqa: F401 # so that their tables are known
from geesync.store.tables.schema import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=True,  # SQLite cannot alter a table otherwise
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
