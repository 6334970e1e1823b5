"""Commands that look after mirror and ledger: check, recover, backup, doctor."""
