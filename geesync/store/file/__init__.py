"""The SQLite file behind the ledger: opened, locked, migrated, written, and found sound."""
