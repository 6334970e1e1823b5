"""The STAC catalogue beside the files, kept in step with the ledger."""
