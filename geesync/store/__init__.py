"""What geesync remembers: the ledger, in SQLite."""
