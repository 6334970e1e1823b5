"""The tables of the ledger: columns, triggers, and how documents are packed."""
